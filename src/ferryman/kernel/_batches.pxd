# cython: language_level=3
"""Native buffers to `ferryman.model.batch` values."""

from ferryman.kernel._bytes cimport ColumnBuffer

cdef object column_data(ColumnBuffer* column)
