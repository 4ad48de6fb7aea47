# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: canonical batches to COPY's text. `ferryman.kernel.copy_text` is the specification."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from ferryman.kernel._bytes cimport MALFORMED, NO_MEMORY, OK, Buffer, Status, append, release, reserve
from ferryman.kernel._values cimport TEXT_ROOM, chars_format, from_chars, single_text, to_chars_digits

from ferryman.kernel import copy_text as twin

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
