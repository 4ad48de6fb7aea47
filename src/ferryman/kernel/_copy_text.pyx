# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: canonical batches to COPY's text, and back. `ferryman.kernel.copy_text` is the specification."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from ferryman.kernel._batches cimport column_data
from ferryman.kernel._bytes cimport (
    MALFORMED, NO_MEMORY, OK, Buffer, ColumnBuffer, Status, append, append_null, append_value, begin_value, end_value,
    release, release_column, reserve,
)
from ferryman.kernel._values cimport (
    TEXT_ROOM, chars_format, double_text, from_chars, from_chars_single, single_text, to_chars_digits, unsigned_text,
)

from ferryman.kernel import copy_text as twin
from ferryman.model.batch import Batch

cdef enum Way:
    # How a value is written: as it stands where nothing in it needs an escape, or checked first.
    ESCAPED, LIMITED, FRACTION, SHORT, HEXADECIMAL, BINARY, SINGLE

cdef struct Source:
    const uint64_t* offsets
    const uint8_t* data
    const uint8_t* nulls
    Way way
    int64_t width

cdef uint8_t[256] _escapes
for _byte in range(256):
    _escapes[_byte] = 0
for _byte, _letter in ((9, b"t"), (10, b"n"), (13, b"r"), (92, b"\\")):
    _escapes[_byte] = _letter[0]
cdef bytes _digits_object = b"0123456789abcdef"
cdef const uint8_t* _digits = <const uint8_t*> PyBytes_AS_STRING(_digits_object)


cdef Status escaped(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    cdef size_t index
    cdef uint8_t letter
    if not reserve(out, 2 * size):
        return NO_MEMORY
    place = out.data + out.size
    for index in range(size):
        letter = _escapes[data[index]]
        if letter:
            place[0] = 92
            place[1] = letter
            place += 2
        else:
            place[0] = data[index]
            place += 1
    out.size = place - out.data
    return OK


cdef bint too_long(const uint8_t* data, size_t size, int64_t width) noexcept nogil:
    """Whether a text has more than `width` characters (0: any number)."""
    cdef size_t index
    cdef int64_t characters = 0
    if width <= 0 or <int64_t> size <= width:
        return False
    for index in range(size):
        characters += not 0x80 <= data[index] < 0xC0
    return characters > width


cdef bint too_fine(const uint8_t* data, size_t size, int64_t width) noexcept nogil:
    """Whether a number has other digits than 0 beyond `width` behind its point (-1: any number)."""
    cdef const uint8_t* point = <const uint8_t*> memchr(data, 46, size) if size else NULL
    cdef const uint8_t* place
    if point == NULL or width < 0:
        return False
    place = point + 1 + width
    while place < data + size:
        if place[0] != 48:
            return True
        place += 1
    return False


cdef Status hexadecimal(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    cdef size_t index
    if not reserve(out, 2 * size + 3):
        return NO_MEMORY
    place = out.data + out.size
    place[0] = place[1] = 92
    place[2] = 120
    place += 3
    for index in range(size):
        place[0] = _digits[data[index] >> 4]
        place[1] = _digits[data[index] & 15]
        place += 2
    out.size = place - out.data
    return OK


cdef Status bits(Buffer* out, const uint8_t* data, size_t size, int64_t width) noexcept nogil:
    """Write a decimal number of at most 64 bits as `width` binary digits."""
    cdef uint64_t number = 0
    cdef size_t index
    cdef int64_t place
    if size == 0 or size > 19 or width < 1 or width > 64 or not reserve(out, width):
        return MALFORMED
    for index in range(size):
        if not 48 <= data[index] <= 57:
            return MALFORMED
        number = number * 10 + data[index] - 48
    if width < 64 and number >> width:
        return MALFORMED
    for place in range(width):
        out.data[out.size + place] = 48 + (number >> (width - 1 - place) & 1)
    out.size += width
    return OK


cdef Status single(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    """Write a single with nine digits, as the twin does; MALFORMED unless the text is a single's own shortest one."""
    cdef uint8_t[TEXT_ROOM] shortest
    cdef uint8_t* end
    cdef double read = 0
    cdef bint slow = False
    if not 0 < size < 32 or not reserve(out, TEXT_ROOM):
        return MALFORMED
    if <const uint8_t*> from_chars(<const char*> data, <const char*> (data + size), read).ptr != data + size:
        return MALFORMED
    end = single_text(shortest, <float> read, &slow)
    if end == NULL or slow or <size_t> (end - shortest) != size or memcmp(shortest, data, size):
        return MALFORMED
    end = out.data + out.size
    out.size = <uint8_t*> to_chars_digits(<char*> end, <char*> end + TEXT_ROOM, <float> read, chars_format.general, 9).ptr - out.data
    return OK


cdef Status value(Buffer* out, const Source* source, size_t row) noexcept nogil:
    """Append one value; MALFORMED for what the twin has to judge."""
    cdef const uint8_t* data = source.data + source.offsets[row]
    cdef size_t size = source.offsets[row + 1] - source.offsets[row]
    if source.nulls[row >> 3] >> (row & 7) & 1:
        return OK if append(out, b"\\N", 2) else NO_MEMORY
    if source.way == HEXADECIMAL:
        return hexadecimal(out, data, size)
    if source.way == BINARY:
        return bits(out, data, size, source.width)
    if source.way == SINGLE:
        return single(out, data, size)
    if source.way == LIMITED and too_long(data, size, source.width):
        return MALFORMED
    if source.way == FRACTION and too_fine(data, size, source.width):
        return MALFORMED
    if source.way == SHORT and <int64_t> size > source.width:
        return MALFORMED
    return escaped(out, data, size)


cdef Status write_rows(Buffer* out, const Source* sources, size_t width, size_t rows) noexcept nogil:
    cdef size_t row, index
    cdef Status status
    for row in range(rows):
        for index in range(width):
            if index and not append(out, b"\t", 1):
                return NO_MEMORY
            status = value(out, &sources[index], row)
            if status != OK:
                return status
        if not append(out, b"\n", 1):
            return NO_MEMORY
    return OK


def encode_copy(batch, forms):
    """Return the rows of a batch as COPY's text."""
    cdef size_t width = len(batch.columns), rows = batch.row_count, index, form_count = len(forms)
    cdef Buffer out
    cdef Source* sources
    cdef Status status
    if form_count != width:
        raise ValueError("as many forms as columns")
    if not rows or not width:
        return twin.encode_copy(batch, forms)
    out.data = NULL
    out.size = out.capacity = 0
    sources = <Source*> PyMem_Malloc(width * sizeof(Source))
    try:
        if sources == NULL or not reserve(&out, batch.byte_size + (width + 1) * rows):
            raise MemoryError
        held = [fill(&sources[index], batch.columns[index], forms[index], index, rows) for index in range(width)]
        with nogil:
            status = write_rows(&out, sources, width, rows)
        if status == MALFORMED:  # a misfit, which the twin names, or what it alone can write
            return twin.encode_copy(batch, forms)
        if status != OK:
            raise MemoryError
        return (<char*> out.data)[: out.size]
    finally:
        PyMem_Free(sources)
        release(&out)


cdef fill(Source* source, column, form, size_t place, size_t rows):
    """Take a column's buffers, which are held to agree with each other; returns what must be kept alive."""
    cdef const uint64_t[::1] offsets = column.offsets
    cdef bytes data = column.data, nulls = column.nulls
    cdef size_t row, offset_count = offsets.shape[0], bitmap = len(nulls)
    cdef uint64_t before = 0, size = len(data)
    if offset_count != rows + 1 or bitmap < (rows + 7) // 8:
        raise ValueError("a column of another row count than its batch")
    for row in range(rows + 1):
        if offsets[row] < before or offsets[row] > size:
            raise ValueError("offsets of a column out of order")
        before = offsets[row]
    source.offsets = &offsets[0]
    source.data = <const uint8_t*> PyBytes_AS_STRING(data)
    source.nulls = <const uint8_t*> PyBytes_AS_STRING(nulls)
    source.way = _ways.get(form.form, Way.ESCAPED)
    source.width = 10 if form.form == twin.Form.DATE else form.width
    if source.way != Way.HEXADECIMAL and b"\0" in data:
        raise twin.MisfitError(place, twin.NUL)
    return offsets, data, nulls


_ways = {
    twin.Form.TEXT: Way.LIMITED,
    twin.Form.PADDED: Way.LIMITED,
    twin.Form.DECIMAL: Way.FRACTION,
    twin.Form.CLOCK: Way.FRACTION,
    twin.Form.DATE: Way.SHORT,
    twin.Form.BYTES: Way.HEXADECIMAL,
    twin.Form.BITS: Way.BINARY,
    twin.Form.SINGLE: Way.SINGLE,
}


# --- COPY's text → canonical ------------------------------------------------------------------------------------------

cdef enum Reading:
    # How a value is read: as it stands, or by what its form asks for.
    STANDING, UNPADDED, TRUTH, ONE, TWO, HEX, ZEROS_AND_ONES, TICKING

cdef struct Sink:
    ColumnBuffer column
    Reading reading
    int64_t width

cdef uint8_t[256] _meant
cdef uint8_t[256] _nibbles
for _byte in range(256):
    _meant[_byte] = _byte
    _nibbles[_byte] = 255
for _letter, _byte in ((b"b", 8), (b"f", 12), (b"n", 10), (b"r", 13), (b"t", 9), (b"v", 11)):
    _meant[_letter[0]] = _byte
for _byte in range(16):
    _nibbles[_digits[_byte]] = _byte


cdef inline bint is_digit(uint8_t byte) noexcept nogil:
    return 48 <= byte <= 57


cdef Status read_number(Sink* sink, const uint8_t* data, size_t size) noexcept nogil:
    """Read a single or a double; what is no number has a name, which stays."""
    cdef double two = INFINITY
    cdef float one = INFINITY
    cdef const char* start = <const char*> data
    cdef const char* end = start + size
    cdef uint8_t* out
    cdef uint8_t* behind
    cdef bint slow = False
    if not size:
        return MALFORMED
    if not is_digit(data[size - 1]):
        return OK if append_value(&sink.column, data, size) else NO_MEMORY
    if not begin_value(&sink.column, TEXT_ROOM):
        return NO_MEMORY
    out = sink.column.data.data + sink.column.data.size
    if sink.reading == ONE:
        if from_chars_single(start, end, one).ptr != end or not isfinite(one):
            return MALFORMED
        behind = single_text(out, one, &slow)
    else:
        if from_chars(start, end, two).ptr != end or not isfinite(two):
            return MALFORMED
        behind = double_text(out, two, &slow)
    if behind == NULL or slow:
        return MALFORMED
    sink.column.data.size += behind - out
    end_value(&sink.column)
    return OK


cdef Status read_hex(Sink* sink, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* out
    cdef size_t index
    cdef uint8_t high, low
    if size < 2 or size & 1 or data[0] != 92 or data[1] != 120:
        return MALFORMED
    if not begin_value(&sink.column, size >> 1):
        return NO_MEMORY
    out = sink.column.data.data + sink.column.data.size
    for index in range(1, size >> 1):
        high, low = _nibbles[data[2 * index]], _nibbles[data[2 * index + 1]]
        if high > 15 or low > 15:
            return MALFORMED
        out[index - 1] = high << 4 | low
    sink.column.data.size += (size >> 1) - 1
    end_value(&sink.column)
    return OK


cdef Status read_bits(Sink* sink, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t number = 0
    cdef size_t index
    cdef uint8_t[TEXT_ROOM] text
    if not 0 < size <= 64:
        return MALFORMED
    for index in range(size):
        if not 48 <= data[index] <= 49:
            return MALFORMED
        number = number << 1 | (data[index] - 48)
    return OK if append_value(&sink.column, text, unsigned_text(text, number) - text) else NO_MEMORY


cdef Status read_clock(Sink* sink, const uint8_t* data, size_t size) noexcept nogil:
    """Read ``…d[.d{1,6}][+00]``: with as many digits as the column has; anything else stays as it is."""
    cdef size_t whole = 0, end
    cdef int64_t digits = 0
    cdef uint8_t* out
    while whole < size and data[whole] != 46 and data[whole] != 43:
        whole += 1
    end = whole
    if end < size and data[end] == 46:
        end += 1
        while end < size and digits < 6 and is_digit(data[end]):
            end += 1
            digits += 1
        if not digits:
            return OK if append_value(&sink.column, data, size) else NO_MEMORY
    if size - end == 3 and memcmp(data + end, b"+00", 3) == 0:
        end = size
    if end != size or not whole or not is_digit(data[whole - 1]):
        return OK if append_value(&sink.column, data, size) else NO_MEMORY
    if sink.width <= 0:
        return OK if append_value(&sink.column, data, whole) else NO_MEMORY
    if not begin_value(&sink.column, whole + 8 + sink.width):
        return NO_MEMORY
    out = sink.column.data.data + sink.column.data.size
    memcpy(out, data, whole)
    out[whole] = 46
    memcpy(out + whole + 1, data + whole + 1, digits)
    if digits < sink.width:
        memset(out + whole + 1 + digits, 48, sink.width - digits)
        digits = sink.width
    sink.column.data.size += whole + 1 + digits
    end_value(&sink.column)
    return OK


cdef Status read_value(Sink* sink, const uint8_t* data, size_t size) noexcept nogil:
    """Append one value whose escapes are undone; MALFORMED for what the twin has to judge."""
    if sink.reading == ONE or sink.reading == TWO:
        return read_number(sink, data, size)
    if sink.reading == HEX:
        return read_hex(sink, data, size)
    if sink.reading == ZEROS_AND_ONES:
        return read_bits(sink, data, size)
    if sink.reading == TICKING:
        return read_clock(sink, data, size)
    if sink.reading == TRUTH:
        if size != 1 or (data[0] != 116 and data[0] != 102):
            return MALFORMED
        return OK if append_value(&sink.column, b"1" if data[0] == 116 else b"0", 1) else NO_MEMORY
    if sink.reading == UNPADDED:
        while size and data[size - 1] == 32:
            size -= 1
    return OK if append_value(&sink.column, data, size) else NO_MEMORY


cdef Status read_field(Sink* sink, Buffer* plain, const uint8_t* data, size_t size, bint escapes) noexcept nogil:
    """Read one field as it stands between two separators."""
    cdef size_t index = 0
    cdef uint8_t* out
    if not escapes:
        return read_value(sink, data, size)
    if size == 2 and data[1] == 78:
        return OK if append_null(&sink.column) else NO_MEMORY
    plain.size = 0
    if not reserve(plain, size):
        return NO_MEMORY
    out = plain.data
    while index < size:
        if data[index] == 92:
            index += 1
            if index == size:
                return MALFORMED
            out[0] = _meant[data[index]]
        else:
            out[0] = data[index]
        out += 1
        index += 1
    return read_value(sink, plain.data, out - plain.data)


cdef Status read_rows(
    Sink* sinks, size_t width, Buffer* plain, const uint8_t* data, size_t size, size_t* rows
) noexcept nogil:
    cdef size_t place = 0, start, index
    cdef bint escapes
    cdef uint8_t last
    cdef Status status
    while place < size:
        for index in range(width):
            start, escapes = place, False
            while place < size and data[place] != 9 and data[place] != 10:
                escapes |= data[place] == 92
                place += 1
            if place == size:
                return MALFORMED
            last = data[place]
            if (last == 10) != (index == width - 1):
                return MALFORMED
            status = read_field(&sinks[index], plain, data + start, place - start, escapes)
            if status != OK:
                return status
            place += 1
        rows[0] += 1
    return OK


def decode_copy(bytes data, forms):
    """Return whole rows of COPY's text as a canonical batch."""
    cdef size_t width = len(forms), index, rows = 0, size = len(data)
    cdef const uint8_t* text = <const uint8_t*> PyBytes_AS_STRING(data)
    cdef Buffer plain
    cdef Sink* sinks
    cdef Status status
    if not size or not width:
        return twin.decode_copy(data, forms)
    plain.data = NULL
    plain.size = plain.capacity = 0
    sinks = <Sink*> PyMem_Malloc(width * sizeof(Sink))
    if sinks == NULL:
        raise MemoryError
    memset(sinks, 0, width * sizeof(Sink))
    try:
        for index in range(width):
            sinks[index].reading = _readings.get(forms[index].form, Reading.STANDING)
            sinks[index].width = forms[index].width
        with nogil:
            status = read_rows(sinks, width, &plain, text, size, &rows)
        if status == MALFORMED:  # an error, which the twin names, or what it alone can read
            return twin.decode_copy(data, forms)
        if status != OK:
            raise MemoryError
        return Batch(rows, tuple([column_data(&sinks[index].column) for index in range(width)]))
    finally:
        for index in range(width):
            release_column(&sinks[index].column)
        PyMem_Free(sinks)
        release(&plain)


_readings = {
    twin.Form.PADDED: Reading.UNPADDED,
    twin.Form.BOOLEAN: Reading.TRUTH,
    twin.Form.SINGLE: Reading.ONE,
    twin.Form.DOUBLE: Reading.TWO,
    twin.Form.BYTES: Reading.HEX,
    twin.Form.BITS: Reading.ZEROS_AND_ONES,
    twin.Form.CLOCK: Reading.TICKING,
}
