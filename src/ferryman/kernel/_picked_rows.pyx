# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: rows of batches by their places. `ferryman.kernel.picked_rows` is the specification."""

from array import array

from cpython cimport array as carray
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from ferryman.model.batch import Batch, ColumnData

cdef carray.array _words = array("Q", [0])

cdef struct Source:
    const uint64_t* offsets
    const uint8_t* data
    const uint8_t* nulls


cdef int point_to(Source* source, column, size_t rows) except -1:
    """Point to a column's buffers, held to agree with each other; the column must outlive the source."""
    cdef carray.array offsets = column.offsets
    cdef bytes data = column.data, nulls = column.nulls
    cdef const uint64_t* ends = <const uint64_t*> offsets.data.as_ulonglongs
    cdef uint64_t before = 0, size = PyBytes_GET_SIZE(data)
    cdef size_t row, count = len(offsets), bitmap = PyBytes_GET_SIZE(nulls)
    if offsets.ob_descr.itemsize != 8 or count != rows + 1 or bitmap < (rows + 7) // 8:
        raise ValueError("a column of another row count than its batch")
    for row in range(rows + 1):
        if ends[row] < before or ends[row] > size:
            raise ValueError("offsets of a column out of order")
        before = ends[row]
    source.offsets = ends
    source.data = <const uint8_t*> PyBytes_AS_STRING(data)
    source.nulls = <const uint8_t*> PyBytes_AS_STRING(nulls)
    return 0


cdef inline bint is_null(const Source* source, size_t row) noexcept nogil:
    return source.nulls[row >> 3] >> (row & 7) & 1


cdef inline size_t row_of(uint64_t pick) noexcept nogil:
    return pick << 32 >> 32


cdef object picked_column(const Source* sources, const uint64_t* picks, size_t count):
    """Copy one column's picked values: once over for the offsets, once for the bytes."""
    cdef carray.array offsets = carray.clone(_words, count + 1, False)
    cdef uint64_t* ends = <uint64_t*> offsets.data.as_ulonglongs
    cdef bytes nulls = PyBytes_FromStringAndSize(NULL, (count + 7) // 8), data
    cdef uint8_t* bits = <uint8_t*> PyBytes_AS_STRING(nulls)
    cdef uint8_t* out
    cdef const Source* source
    cdef uint64_t size = 0, start
    cdef size_t place, row
    with nogil:
        memset(bits, 0, (count + 7) // 8)
        ends[0] = 0
        for place in range(count):
            source = &sources[picks[place] >> 32]
            row = row_of(picks[place])
            if is_null(source, row):
                bits[place >> 3] |= 1 << (place & 7)
            else:
                size += source.offsets[row + 1] - source.offsets[row]
            ends[place + 1] = size
    data = PyBytes_FromStringAndSize(NULL, size)
    out = <uint8_t*> PyBytes_AS_STRING(data)
    with nogil:
        for place in range(count):
            source = &sources[picks[place] >> 32]
            row = row_of(picks[place])
            start = source.offsets[row]
            memcpy(out + ends[place], source.data + start, ends[place + 1] - ends[place])
    return ColumnData(offsets, data, nulls)


def gather(batches, picks):
    """Return a batch of the picked rows, in the order of the picks."""
    cdef size_t number, index, place, count = len(picks), batch_count = len(batches), width = 0
    cdef carray.array wanted = array("Q", picks)
    cdef const uint64_t* places = <const uint64_t*> wanted.data.as_ulonglongs
    cdef carray.array rows = array("Q", [batch.row_count for batch in batches])
    cdef const uint64_t* row_counts = <const uint64_t*> rows.data.as_ulonglongs
    cdef Source* sources
    if batch_count:
        width = len(batches[0].columns)
    for batch in batches:
        if len(batch.columns) != <Py_ssize_t> width:
            raise ValueError("batches of one width")
    for place in range(count):
        number = places[place] >> 32
        if number >= batch_count or row_of(places[place]) >= row_counts[number]:
            raise IndexError("a pick that names no row")
    sources = <Source*> PyMem_Malloc((batch_count + 1) * sizeof(Source))
    if sources == NULL:
        raise MemoryError
    try:
        columns = []
        for index in range(width):
            for number in range(batch_count):
                point_to(&sources[number], batches[number].columns[index], row_counts[number])
            columns.append(picked_column(sources, places, count))
        return Batch(count, tuple(columns))
    finally:
        PyMem_Free(sources)


def row_tuples(batch, places):
    """Return the values of some columns, row by row."""
    cdef size_t rows = batch.row_count, width = len(places), index, row
    cdef uint64_t start
    cdef Source* sources = <Source*> PyMem_Malloc((width + 1) * sizeof(Source))
    cdef list made
    cdef tuple values
    if sources == NULL:
        raise MemoryError
    try:
        columns = [batch.columns[place] for place in places]
        for index in range(width):
            point_to(&sources[index], columns[index], rows)
        made = PyList_New(rows)
        for row in range(rows):
            values = PyTuple_New(width)
            for index in range(width):
                if is_null(&sources[index], row):
                    value = None
                else:
                    start = sources[index].offsets[row]
                    value = PyBytes_FromStringAndSize(
                        <const char*> sources[index].data + start, sources[index].offsets[row + 1] - start
                    )
                Py_INCREF(value)
                PyTuple_SET_ITEM(values, index, value)
            Py_INCREF(values)
            PyList_SET_ITEM(made, row, values)
        return made
    finally:
        PyMem_Free(sources)
