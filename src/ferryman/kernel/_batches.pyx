# cython: language_level=3
"""Native buffers to `ferryman.model.batch` values: one copy each."""

from array import array

from cpython cimport array as carray
from cpython.object cimport PyObject_GenericSetAttr
from libc.string cimport memcpy

from ferryman.kernel._bytes cimport ColumnBuffer

from ferryman.model.batch import ColumnData

cdef carray.array _offsets = array("Q", [0])


cdef object _new = ColumnData.__new__


cdef object column_data(ColumnBuffer* column):
    """Copy a column's buffers into a `ColumnData`."""
    cdef carray.array offsets = carray.clone(_offsets, column.rows + 1, False)
    if column.rows:
        memcpy(offsets.data.as_voidptr, column.offsets.data, 8 * (column.rows + 1))
    else:
        offsets.data.as_ulonglongs[0] = 0
    # As the frozen class's own __init__ does, without its detour through Python: a wide table makes many of these.
    made = _new(ColumnData)
    PyObject_GenericSetAttr(made, "offsets", offsets)
    PyObject_GenericSetAttr(made, "data", (<char*> column.data.data)[: column.data.size] if column.data.size else b"")
    PyObject_GenericSetAttr(made, "nulls", (<char*> column.nulls.data)[: column.nulls.size] if column.rows else b"")
    return made
