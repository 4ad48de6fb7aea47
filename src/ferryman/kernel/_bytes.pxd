# cython: language_level=3
"""Growable buffers of the native kernel: bytes, and the three buffers of a batch's column. Nothing here needs the GIL."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy


cdef enum Status:
    OK = 0
    MALFORMED = 1
    NO_MEMORY = 2


cdef struct Buffer:
    uint8_t* data
    size_t size
    size_t capacity


cdef inline bint reserve(Buffer* buffer, size_t more) noexcept nogil:
    """Make room for `more` bytes behind the buffer's end; False when there is no memory."""
    cdef size_t needed = buffer.size + more
    cdef size_t capacity
    cdef void* data
    if needed <= buffer.capacity:
        return True
    if needed < more:
        return False
    capacity = buffer.capacity * 2 if buffer.capacity * 2 > needed else needed
    if capacity < 512:
        capacity = 512
    data = realloc(buffer.data, capacity)
    if data == NULL:
        return False
    buffer.data = <uint8_t*> data
    buffer.capacity = capacity
    return True


cdef inline bint append(Buffer* buffer, const uint8_t* data, size_t size) noexcept nogil:
    """Append bytes; False when there is no memory."""
    if not reserve(buffer, size):
        return False
    if size:
        memcpy(buffer.data + buffer.size, data, size)
    buffer.size += size
    return True


cdef inline void release(Buffer* buffer) noexcept nogil:
    free(buffer.data)
    buffer.data = NULL
    buffer.size = buffer.capacity = 0


cdef struct ColumnBuffer:
    # `offsets` counts in bytes; its first entry, 0, is written with the first row.
    Buffer data
    Buffer offsets
    Buffer nulls
    size_t rows


cdef inline bint begin_value(ColumnBuffer* column, size_t room) noexcept nogil:
    """Make room for one more row whose value takes at most `room` bytes; False when there is no memory."""
    if not (reserve(&column.data, room) and reserve(&column.offsets, 16) and reserve(&column.nulls, 1)):
        return False
    if column.rows == 0:
        (<uint64_t*> column.offsets.data)[0] = 0
        column.offsets.size = 8
    if column.rows & 7 == 0:
        column.nulls.data[column.nulls.size] = 0
        column.nulls.size += 1
    return True


cdef inline void end_value(ColumnBuffer* column) noexcept nogil:
    """Close a value that has been written behind `data`'s old end."""
    column.rows += 1
    (<uint64_t*> column.offsets.data)[column.rows] = column.data.size
    column.offsets.size += 8


cdef inline bint append_null(ColumnBuffer* column) noexcept nogil:
    if not begin_value(column, 0):
        return False
    column.nulls.data[column.rows >> 3] |= 1 << (column.rows & 7)
    end_value(column)
    return True


cdef inline bint append_value(ColumnBuffer* column, const uint8_t* data, size_t size) noexcept nogil:
    if not begin_value(column, size):
        return False
    if size:
        memcpy(column.data.data + column.data.size, data, size)
    column.data.size += size
    end_value(column)
    return True


cdef inline void cut_back(ColumnBuffer* column, size_t rows) noexcept nogil:
    """Forget all rows from `rows` on, and a value begun."""
    cdef size_t bitmap = (rows + 7) >> 3
    if rows == 0:
        column.data.size = column.offsets.size = column.nulls.size = column.rows = 0
        return
    column.data.size = (<uint64_t*> column.offsets.data)[rows]
    column.offsets.size = 8 * (rows + 1)
    column.nulls.size = bitmap
    if rows & 7:
        column.nulls.data[bitmap - 1] &= (1 << (rows & 7)) - 1
    column.rows = rows


cdef inline void release_column(ColumnBuffer* column) noexcept nogil:
    release(&column.data)
    release(&column.offsets)
    release(&column.nulls)
    column.rows = 0
