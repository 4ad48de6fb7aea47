# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: a JSON text for each row. `ferryman.kernel.json_rows` is the specification."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from array import array

from ferryman.kernel._bytes cimport Buffer, append, release, reserve

from ferryman.kernel import json_rows as twin

cdef enum Form:
    PLAIN, STRING, BASE64, HEXADECIMAL

cdef struct Source:
    # A column, and the part in front of it. Without `nulls` no value is NULL.
    const uint8_t* part
    size_t part_size
    const uint64_t* offsets
    const uint8_t* data
    const uint8_t* nulls
    int form

cdef uint8_t[256] _letters
for _byte in range(256):
    _letters[_byte] = 0
for _byte, _letter in ((8, b"b"), (9, b"t"), (10, b"n"), (12, b"f"), (13, b"r"), (34, b'"'), (92, b"\\")):
    _letters[_byte] = _letter[0]
cdef bytes _capitals_object = b"0123456789ABCDEF"
cdef bytes _small_object = b"0123456789abcdef"
cdef bytes _base64_object = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef const uint8_t* _capitals = <const uint8_t*> PyBytes_AS_STRING(_capitals_object)
cdef const uint8_t* _small = <const uint8_t*> PyBytes_AS_STRING(_small_object)
cdef const uint8_t* _base64 = <const uint8_t*> PyBytes_AS_STRING(_base64_object)


cdef bint clean(const uint8_t* data, size_t size) noexcept nogil:
    """Whether nothing needs an escape; without a branch in the loop, so that it is done many bytes at a time."""
    cdef size_t index
    cdef uint8_t found = 0
    for index in range(size):
        found |= (data[index] < 32) | (data[index] == 34) | (data[index] == 92)
    return not found


cdef bint string(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    if clean(data, size):
        if not reserve(out, size + 2):
            return False
        place = out.data + out.size
        place[0] = 34
        if size:
            memcpy(place + 1, data, size)
        place[size + 1] = 34
        out.size += size + 2
        return True
    return escaped(out, data, size)


cdef bint escaped(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    cdef size_t index
    cdef uint8_t byte
    if not reserve(out, 6 * size + 2):
        return False
    place = out.data + out.size
    place[0] = 34
    place += 1
    for index in range(size):
        byte = data[index]
        if _letters[byte]:
            place[0] = 92
            place[1] = _letters[byte]
            place += 2
        elif byte < 32:
            memcpy(place, b"\\u00", 4)
            place[4] = _small[byte >> 4]
            place[5] = _small[byte & 15]
            place += 6
        else:
            place[0] = byte
            place += 1
    place[0] = 34
    out.size = place + 1 - out.data
    return True


cdef bint base64(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    cdef size_t index = 0
    cdef unsigned int bits
    if not reserve(out, (size + 2) // 3 * 4 + 2):
        return False
    place = out.data + out.size
    place[0] = 34
    place += 1
    while index < size:
        bits = <unsigned int> data[index] << 16
        if index + 1 < size:
            bits |= <unsigned int> data[index + 1] << 8
        if index + 2 < size:
            bits |= data[index + 2]
        place[0] = _base64[bits >> 18]
        place[1] = _base64[bits >> 12 & 63]
        place[2] = _base64[bits >> 6 & 63] if index + 1 < size else 61
        place[3] = _base64[bits & 63] if index + 2 < size else 61
        place += 4
        index += 3
    place[0] = 34
    out.size = place + 1 - out.data
    return True


cdef bint hexadecimal(Buffer* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* place
    cdef size_t index
    if not reserve(out, 2 * size + 2):
        return False
    place = out.data + out.size
    place[0] = 34
    place += 1
    for index in range(size):
        place[0] = _capitals[data[index] >> 4]
        place[1] = _capitals[data[index] & 15]
        place += 2
    place[0] = 34
    out.size = place + 1 - out.data
    return True


cdef bint value(Buffer* out, const Source* source, size_t row) noexcept nogil:
    cdef const uint8_t* data = source.data + source.offsets[row]
    cdef size_t size = source.offsets[row + 1] - source.offsets[row]
    if source.nulls != NULL and source.nulls[row >> 3] >> (row & 7) & 1:
        return append(out, b"null", 4)
    if source.form == STRING:
        return string(out, data, size)
    if source.form == BASE64:
        return base64(out, data, size)
    if source.form == HEXADECIMAL:
        return hexadecimal(out, data, size)
    return append(out, data, size)


cdef bint write_rows(Buffer* out, uint64_t* ends, const Source* sources, size_t width, size_t rows) noexcept nogil:
    """Write all rows one behind the other, and where each ends; the last source has a part and no column."""
    cdef size_t row, index
    for row in range(rows):
        for index in range(width):
            if not append(out, sources[index].part, sources[index].part_size) or not value(out, &sources[index], row):
                return False
        if not append(out, sources[width].part, sources[width].part_size):
            return False
        ends[row] = out.size
    return True


def fill_rows(parts, columns, forms, rows):
    """Return for each row the first part, the value of the first column, the second part, and so on."""
    cdef size_t width = len(columns), count = rows, index, part_count = len(parts), form_count = len(forms)
    cdef Buffer out
    cdef Source* sources
    cdef uint64_t[::1] ends
    cdef bint done
    if part_count != width + 1 or form_count != width or not width or not count:
        return twin.fill_rows(parts, columns, forms, rows)
    parts = [bytes(part) for part in parts]
    out.data = NULL
    out.size = out.capacity = 0
    sources = <Source*> PyMem_Malloc((width + 1) * sizeof(Source))
    try:
        if sources == NULL:
            raise MemoryError
        held = [fill(&sources[index], columns[index], forms[index], count) for index in range(width)]
        for index in range(width + 1):
            sources[index].part = <const uint8_t*> PyBytes_AS_STRING(parts[index])
            sources[index].part_size = PyBytes_GET_SIZE(parts[index])
        ends = array("Q", bytes(8 * count))
        with nogil:
            done = write_rows(&out, &ends[0], sources, width, count)
        if not done:
            raise MemoryError
        del held
        return texts(&out, ends, count)
    finally:
        PyMem_Free(sources)
        release(&out)


cdef list texts(Buffer* out, const uint64_t[::1] ends, size_t count):
    cdef list found = PyList_New(count)
    cdef size_t row
    cdef uint64_t start = 0
    for row in range(count):
        text = PyBytes_FromStringAndSize(<const char*> (out.data + start), ends[row] - start)
        Py_INCREF(text)
        PyList_SET_ITEM(found, row, text)
        start = ends[row]
    return found


cdef fill(Source* source, column, form, size_t rows):
    """Take a column's buffers, which are held to agree with each other; returns what must be kept alive."""
    cdef const uint64_t[::1] offsets
    cdef bytes data, nulls
    cdef size_t row, offset_count, bitmap
    cdef uint64_t before = 0, size
    if isinstance(column, list):
        offsets, data, nulls = offsets_of(column), b"".join(column), None
    else:
        offsets, data, nulls = column.offsets, column.data, column.nulls
    offset_count, bitmap, size = offsets.shape[0], (rows + 7) // 8, len(data)
    if offset_count != rows + 1 or (nulls is not None and <size_t> len(nulls) < bitmap):
        raise ValueError("a column of another row count")
    for row in range(rows + 1):
        if offsets[row] < before or offsets[row] > size:
            raise ValueError("offsets of a column out of order")
        before = offsets[row]
    source.offsets = &offsets[0]
    source.data = <const uint8_t*> PyBytes_AS_STRING(data)
    source.nulls = NULL
    if nulls is not None:
        source.nulls = <const uint8_t*> PyBytes_AS_STRING(nulls)
    source.form = form
    return offsets, data, nulls


cdef offsets_of(list values):
    """Return the offsets of texts that lie one behind the other."""
    cdef size_t row, count = len(values)
    cdef uint64_t place = 0
    found = array("Q", bytes(8 * (count + 1)))
    cdef uint64_t[::1] offsets = found
    for row in range(count):
        place += <size_t> len(values[row])
        offsets[row + 1] = place
    return found
