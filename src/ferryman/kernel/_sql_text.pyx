# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: canonical batches to SQL text of the MySQL family. `ferryman.kernel.sql_text` is the specification."""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from ferryman.kernel._bytes cimport MALFORMED, NO_MEMORY, OK, Buffer, Status, append, release, reserve

from ferryman.kernel import sql_text as twin
from ferryman.kernel.json_literal import constructor
from ferryman.model.types import BYTES_KINDS, NUMERIC_KINDS, Kind

literal = twin.literal

cdef enum Form:
    BARE, EXPONENT, QUOTED, BINARY, JSON

cdef struct Source:
    const uint64_t* offsets
    const uint8_t* data
    const uint8_t* nulls
    uint64_t size
    Form form

cdef uint8_t[256] _escapes
for _byte in range(256):
    _escapes[_byte] = 0
for _byte, _letter in ((0, b"0"), (10, b"n"), (13, b"r"), (26, b"Z"), (39, b"'"), (92, b"\\")):
    _escapes[_byte] = _letter[0]

cdef uint8_t[256] _line_escapes
for _byte in range(256):
    _line_escapes[_byte] = 0
for _byte, _letter in ((0, b"0"), (9, b"t"), (10, b"n"), (92, b"\\")):
    _line_escapes[_byte] = _letter[0]

cdef enum:
    MOST_KEPT = 16 << 20  # a greater buffer, made for a giant row, is given back


cdef enum:
    EIGHT = 8

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHS = 0x8080808080808080


cdef inline bint plain(uint64_t word) noexcept nogil:
    """Whether none of eight bytes is a control character, ``'`` or a backslash: no escapes among them, in either form."""
    cdef uint64_t quote = word ^ ONES * 39, backslash = word ^ ONES * 92
    return (((word - ONES * 32) & ~word) | ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash)) & HIGHS == 0


cdef uint8_t* escaped(uint8_t* place, const uint8_t* data, size_t size, const uint8_t* escapes) noexcept nogil:
    """Write bytes at `place`, where twice their size is free, with backslash escapes; return the place behind them."""
    cdef size_t index = 0, end
    cdef uint64_t word
    while index < size:
        if index + EIGHT <= size:
            memcpy(&word, data + index, EIGHT)
            if plain(word):
                memcpy(place, &word, EIGHT)
                place += EIGHT
                index += EIGHT
                continue
        end = min(index + EIGHT, size)
        while index < end:
            place[0] = data[index]
            if escapes[data[index]]:
                place[0] = 92
                place[1] = escapes[data[index]]
                place += 1
            place += 1
            index += 1
    return place


cdef Status quoted(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    """Append ``'…'`` with backslash escapes."""
    cdef uint8_t* place
    if not reserve(out, 2 * size + 2):
        return NO_MEMORY
    place = out.data + out.size
    place[0] = 39
    place = escaped(place + 1, data, size, _escapes)
    place[0] = 39
    out.size = place + 1 - out.data
    return OK


cdef bint suspect(const uint8_t* data, size_t size) noexcept nogil:
    """Whether a JSON text may hold a number at risk: a digit, an ``e`` and a digit or sign, or 17 digits and points."""
    cdef size_t index, run = 0
    cdef uint8_t byte
    for index in range(size):
        byte = data[index]
        if 48 <= byte <= 57 or byte == 46:
            run += 1
            if run == 17:
                return True
            continue
        if (byte == 101 or byte == 69) and run and data[index - 1] != 46 and index + 1 < size:
            byte = data[index + 1]
            if 48 <= byte <= 57 or byte == 43 or byte == 45:
                return True
        run = 0
    return False


cdef Status json(Buffer* out, const uint8_t* data, size_t size) noexcept with gil:
    try:
        expression = constructor((<const char*> data)[:size], twin._text)
    except BaseException:  # cannot cross the loop without GIL: the twin does it again, and raises
        return MALFORMED
    if expression is None:
        return quoted(out, data, size)
    if not append(out, <const uint8_t*> PyBytes_AS_STRING(expression), len(expression)):
        return NO_MEMORY
    return OK


cdef Status value(Buffer* out, const Source* source, size_t row) noexcept nogil:
    """Append one literal."""
    cdef const uint8_t* data = source.data + source.offsets[row]
    cdef size_t size = source.offsets[row + 1] - source.offsets[row]
    if source.nulls[row >> 3] >> (row & 7) & 1:
        return OK if append(out, b"NULL", 4) else NO_MEMORY
    if source.form == BARE:
        return OK if append(out, data, size) else NO_MEMORY
    if source.form == EXPONENT:
        if not append(out, data, size):
            return NO_MEMORY
        if size and memchr(data, 101, size) != NULL:
            return OK
        return OK if append(out, b"e0", 2) else NO_MEMORY
    if source.form == BINARY and not append(out, b"_binary", 7):
        return NO_MEMORY
    if source.form == JSON and suspect(data, size):
        return json(out, data, size)
    return quoted(out, data, size)


cdef Status rows_text(
    Buffer* out, const Source* sources, size_t width, size_t* row, size_t row_count, size_t max_bytes
) noexcept nogil:
    """Append rows from `row` on while they fit; `row` becomes the first that did not."""
    cdef size_t index, first = row[0], before, base = out.size
    cdef Status status
    while row[0] < row_count:
        before = out.size
        if not append(out, b",(", 2):
            return NO_MEMORY
        if row[0] == first:
            out.size = before + 1
            out.data[before] = 40
        for index in range(width):
            if index and not append(out, b",", 1):
                return NO_MEMORY
            status = value(out, &sources[index], row[0])
            if status != OK:
                return status
        if not append(out, b")", 1):
            return NO_MEMORY
        if out.size - base > max_bytes and row[0] > first:
            out.size = before
            return OK
        row[0] += 1
    return OK


cdef Status field(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    """Append a field's bytes, with a backslash before what LOAD DATA would take for more than itself."""
    if not reserve(out, 2 * size):
        return NO_MEMORY
    out.size = escaped(out.data + out.size, data, size, _line_escapes) - out.data
    return OK


cdef Status lines_text(
    Buffer* out, const Source* sources, size_t width, size_t* row, size_t row_count, size_t max_bytes
) noexcept nogil:
    """Append lines from `row` on while they fit; `row` becomes the first that did not."""
    cdef size_t index, first = row[0], before, base = out.size, at, size
    cdef const Source* source
    cdef bint done
    while row[0] < row_count:
        before = out.size
        for index in range(width):
            source = &sources[index]
            at = source.offsets[row[0]]
            size = source.offsets[row[0] + 1] - at
            if source.nulls[row[0] >> 3] >> (row[0] & 7) & 1:
                done = append(out, b"\\N", 2)
            elif source.form == BARE or source.form == EXPONENT:
                done = append(out, source.data + at, size)
            else:
                done = field(out, source.data + at, size) == OK
            if not done or not append(out, b"\n" if index + 1 == width else b"\t", 1):
                return NO_MEMORY
        if out.size - base > max_bytes and row[0] > first:
            out.size = before
            return OK
        row[0] += 1
    return OK


def insert_values(batch, kinds, size_t start, max_bytes):
    """Return ``(v,…),(v,…)`` for rows from `start` on, and the index of the first row that did not fit in `max_bytes`."""
    text = RowText()
    end = text.insert_values(batch, kinds, start, max_bytes)
    return bytes(text), end


def load_lines(batch, kinds, size_t start, max_bytes):
    """Return lines for LOAD DATA for rows from `start` on, and the index of the first row that did not fit."""
    text = RowText()
    end = text.load_lines(batch, kinds, start, max_bytes)
    return bytes(text), end


cdef class RowText:
    """Rows of batches as text, in one buffer that is used again and again; `ferryman.kernel.sql_text.RowText` says how."""

    cdef Buffer _out
    cdef Py_ssize_t _exports
    cdef Py_ssize_t[1] _shape

    def __cinit__(self):
        self._out.data = NULL
        self._out.size = self._out.capacity = 0

    def __dealloc__(self):
        release(&self._out)

    def __len__(self):
        return self._out.size

    def __getbuffer__(self, Py_buffer* view, int flags):
        if not reserve(&self._out, 1):
            raise MemoryError
        PyBuffer_FillInfo(view, self, self._out.data, self._out.size, 0, flags)
        self._exports += 1

    def __releasebuffer__(self, Py_buffer* view):
        self._exports -= 1

    cdef _own(self):
        if self._exports:
            raise BufferError("the text is still looked at")

    def begin(self, const uint8_t[::1] prefix not None):
        """Forget all and begin with `prefix`."""
        self._own()
        self._out.size = 0
        if self._out.capacity > MOST_KEPT:
            release(&self._out)
        self.add(prefix)

    def add(self, const uint8_t[::1] text not None):
        """Add bytes as they are."""
        self._own()
        if text.shape[0] and not append(&self._out, &text[0], text.shape[0]):
            raise MemoryError

    def insert_values(self, batch, kinds, size_t start, max_bytes):
        """Add ``(v,…),(v,…)`` for rows from `start` on; return the first that did not fit in `max_bytes`."""
        return self._rows(batch, kinds, start, max_bytes, False)

    def load_lines(self, batch, kinds, size_t start, max_bytes):
        """Add lines for LOAD DATA for rows from `start` on; return the first that did not fit in `max_bytes`."""
        return self._rows(batch, kinds, start, max_bytes, True)

    cdef _rows(self, batch, kinds, size_t start, max_bytes, bint lines):
        cdef size_t width = len(batch.columns), rows = batch.row_count, row = start, index, kind_count = len(kinds)
        cdef size_t limit = max(0, min(max_bytes, 1 << 62)), before = self._out.size
        cdef Source* sources
        cdef Status status
        self._own()
        if kind_count != width:
            raise ValueError("as many kinds as columns")
        if row >= rows or not width or greatest_single(batch, kinds):
            return self._by_twin(batch, kinds, start, max_bytes, lines)
        sources = <Source*> PyMem_Malloc(width * sizeof(Source))
        try:
            if sources == NULL:
                raise MemoryError
            held = [fill(&sources[index], batch.columns[index], kinds[index], rows) for index in range(width)]
            self._exports += 1
            try:
                with nogil:
                    if lines:
                        status = lines_text(&self._out, sources, width, &row, rows, limit)
                    else:
                        status = rows_text(&self._out, sources, width, &row, rows, limit)
            finally:
                self._exports -= 1
        finally:
            PyMem_Free(sources)
        if status == OK:
            return row
        self._out.size = before
        if status == NO_MEMORY:
            raise MemoryError
        return self._by_twin(batch, kinds, start, max_bytes, lines)

    cdef _by_twin(self, batch, kinds, start, max_bytes, lines):
        write = twin.load_lines if lines else twin.insert_values
        text, end = write(batch, kinds, start, max_bytes)
        self.add(text)
        return end


cdef fill(Source* source, column, kind, size_t rows):
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
    source.size = size
    source.form = form_of(kind)
    return offsets, data, nulls


cdef bint greatest_single(batch, kinds):
    """Whether a FLOAT column may hold the greatest FLOAT, whose text the servers refuse as it stands: so rare that the
    twin writes those batches."""
    for column, kind in zip(batch.columns, kinds):
        if kind is Kind.FLOAT and b"3.4028235e+38" in column.data:
            return True
    return False


cdef Form form_of(kind):
    if kind is Kind.FLOAT or kind is Kind.DOUBLE:
        return EXPONENT
    if kind is Kind.JSON:
        return JSON
    if kind in NUMERIC_KINDS:
        return BARE
    return BINARY if kind in BYTES_KINDS else QUOTED
