# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: row events to canonical batches.

`ferryman.kernel.binlog_rows` is the specification. It also makes the plan, reads what stands before the rows, converts the
rare kinds (the loop here only cuts their bytes out), and is asked again for every event this loop cannot read: it then
raises the error, or knows better.
"""

from collections import OrderedDict

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from ferryman.kernel cimport _values as text
from ferryman.kernel._batches cimport column_data
from ferryman.kernel._bytes cimport (
    MALFORMED, NO_MEMORY, OK, Buffer, ColumnBuffer, Status, append, append_null, append_value, begin_value, end_value,
    release, release_column, reserve,
)
from ferryman.kernel._values cimport TEXT_ROOM, big, little, little2, little3, little4, little8

from ferryman.kernel import binlog_rows as twin
from ferryman.kernel.binlog_columns import COMPRESSED
from ferryman.kernel import values as twin_values
from ferryman.kernel.charsets import UTF8_CHARSETS, to_utf8
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.types import BYTES_KINDS, Kind

TableMap, decode_table_map = twin.TableMap, twin.decode_table_map

cdef enum Reader:
    SIGNED, UNSIGNED, SINGLE, DOUBLE, YEAR, DATE, DATETIME, TIMESTAMP, TIME, DECIMAL, BIT, LABEL, LABELS, RAW, STRIPPED,
    PADDED, LATIN1, LATIN1_STRIPPED

cdef struct Plan:
    Reader reader
    bint sized
    int size  # bytes of the value, or of its size
    int first  # precision; digits of the fraction; least bytes of a padded value; number of labels
    int second  # scale
    Buffer labels
    Buffer places  # of the labels: 4 bytes each, one more than labels

cdef struct Letter:
    uint8_t size
    uint8_t data[3]

cdef Letter[256] _latin1
for _byte in range(256):
    _utf8 = bytes((_byte,)) if _byte < 128 else to_utf8("latin1")(bytes((_byte,)))
    _latin1[_byte].size = len(_utf8)
    for _place in range(len(_utf8)):
        _latin1[_byte].data[_place] = _utf8[_place]


cdef class Columns:
    """The plan of a table map's columns."""

    cdef Plan* plans
    cdef int width
    cdef list converts
    cdef object table_map, types  # kept alive: their ids are the cache's key

    def __cinit__(self, table_map, types):
        self.width = len(types)
        self.plans = <Plan*> calloc(self.width + 1, sizeof(Plan))
        if self.plans == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef int index
        if self.plans != NULL:
            for index in range(self.width):
                release(&self.plans[index].labels)
                release(&self.plans[index].places)
        free(self.plans)

    def __init__(self, table_map, types):
        cdef int index
        self.table_map, self.types = table_map, types
        self.converts = []
        for index, column in enumerate(twin.log_columns(table_map, types)):
            self.plans[index].sized, self.plans[index].size = column.sized, column.size
            self.converts.append(
                self.fill(&self.plans[index], column, table_map.wire_types[index], table_map.metadata[index], types[index])
            )

    cdef fill(self, Plan* plan, column, int wire_type, int metadata, type_):
        """Choose the native reader; returns what Python has to convert the bytes with, or `None`."""
        if column.sized:
            plan.reader = RAW if wire_type in COMPRESSED else _string_reader(column, type_)
            plan.first = (type_.length or 0) if plan.reader == PADDED else 0
            return column.convert if plan.reader == RAW else None
        plan.reader, plan.first, plan.second = _fixed_reader(wire_type, metadata, type_)
        if plan.reader == LABEL or plan.reader == LABELS:
            self.add_labels(plan, type_.values)
        return column.convert if plan.reader == RAW else None

    cdef add_labels(self, Plan* plan, labels):
        cdef uint32_t place = 0
        cdef bytes data
        plan.first = len(labels)
        for label in labels:
            data = label.encode()
            if not (append(&plan.places, <uint8_t*> &place, 4)
                    and append(&plan.labels, <uint8_t*> PyBytes_AS_STRING(data), len(data))):
                raise MemoryError
            place += <uint32_t> len(data)
        if not append(&plan.places, <uint8_t*> &place, 4):
            raise MemoryError


cdef Reader _string_reader(column, type_):
    if column.convert is None:
        return RAW
    if type_.kind is Kind.BINARY:
        return PADDED
    if type_.kind in (Kind.CHAR, Kind.VARCHAR, Kind.TEXT):
        if type_.charset == "latin1":
            return LATIN1_STRIPPED if type_.kind is Kind.CHAR else LATIN1
        if type_.kind is Kind.CHAR and (type_.charset or "utf8mb4") in UTF8_CHARSETS:
            return STRIPPED
    return RAW


_PACKED = {17: TIMESTAMP, 18: DATETIME, 19: TIME}
_FIXED = {Kind.FLOAT: SINGLE, Kind.DOUBLE: DOUBLE, Kind.YEAR: YEAR, Kind.DATE: DATE, Kind.BIT: BIT, Kind.ENUM: LABEL,
          Kind.SET: LABELS}


cdef tuple _fixed_reader(int wire_type, int metadata, type_):
    """Return (reader, first, second)."""
    kind = type_.kind
    if kind is Kind.INTEGER:
        return (UNSIGNED if type_.unsigned else SIGNED), 0, 0
    if kind is Kind.DECIMAL:
        return DECIMAL, metadata & 0xFF, metadata >> 8
    if wire_type in _PACKED:
        return _PACKED[wire_type], type_.fraction, 0
    if kind is Kind.BIT and (metadata >> 8) + bool(metadata & 0xFF) > 8 or kind is Kind.SET and len(type_.values) > 64:
        return RAW, 0, 0
    return _FIXED.get(kind, RAW), 0, 0


_plans = OrderedDict()
_PLANS_KEPT = 512


cdef Columns _columns(table_map, types):
    key = (id(table_map), id(types))
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = Columns(table_map, types)
        if len(_plans) > _PLANS_KEPT:
            _plans.popitem(last=False)
    return plan


def decode_rows(body, event_type, table_map, types):
    """Decode the body of a WRITE/UPDATE/DELETE rows event, v1 or v2: ``(before, after)``."""
    action, has_extra, compressed = twin._event(event_type, table_map)
    cdef Columns columns = _columns(table_map, types)
    try:
        rows, place = body, 0
        if not compressed and type(body) is bytes:
            place = _first_row(body, has_extra, 2 if action == 1 else 1, columns.width)
        if not place:
            rows, place = twin._rows_of(bytes(body), action, has_extra, compressed, table_map)
        images = _images(columns, rows, place, 2 if action == 1 else 1)
    except twin._DECODE_ERRORS:
        images = None
    if images is None:
        return twin.decode_rows(body, event_type, table_map, types)
    if action == 1:
        return images
    return (images[0], None) if action == 2 else (None, images[0])


cdef size_t _first_row(bytes body, bint has_extra, int images, int width) noexcept:
    """Return the place of the first row; 0 where what stands before it is not as usual: the twin knows what to say."""
    cdef const uint8_t* data = <const uint8_t*> PyBytes_AS_STRING(body)
    cdef size_t size = len(body), place = 8, bitmap = (width + 7) // 8, index
    cdef int image, bit
    if has_extra:
        if size < place + 2 or little2(data + place) < 2:
            return 0
        place += little2(data + place)
    if width == 0 or width > 250 or size < place + 1 + images * bitmap or data[place] != width:
        return 0
    place += 1
    for image in range(images):
        for bit in range(width):
            if not data[place + (bit >> 3)] >> (bit & 7) & 1:
                return 0
        place += bitmap
    return place


cdef tuple _images(Columns columns, bytes rows, size_t place, int images):
    """Return one batch an image, or `None` when a row cannot be read."""
    cdef const uint8_t* data = <const uint8_t*> PyBytes_AS_STRING(rows)
    cdef size_t size = len(rows), count = 0
    cdef int index, width = columns.width
    cdef Status status
    cdef ColumnBuffer* buffers = <ColumnBuffer*> calloc(images * width + 1, sizeof(ColumnBuffer))
    if buffers == NULL:
        raise MemoryError
    try:
        with nogil:
            status = _rows(columns.plans, width, images, buffers, data + place, data + size, &count)
        if status == NO_MEMORY:
            raise MemoryError
        if status != OK:
            return None
        return tuple([_batch(columns, &buffers[index * width], count) for index in range(images)])
    finally:
        for index in range(images * width):
            release_column(&buffers[index])
        free(buffers)


cdef object _batch(Columns columns, ColumnBuffer* buffers, size_t count):
    cdef int index
    made = []
    for index in range(columns.width):
        column = column_data(&buffers[index])
        convert = columns.converts[index]
        if convert is not None:
            column = ColumnData.of([None if value is None else convert(value) for value in column.values()])
        made.append(column)
    return Batch(count, tuple(made))


cdef Status _rows(
    const Plan* plans, int width, int images, ColumnBuffer* buffers, const uint8_t* data, const uint8_t* end, size_t* count
) noexcept nogil:
    cdef int image
    cdef Status status
    if width == 0:
        return MALFORMED
    while data < end:
        for image in range(images):
            status = _image(plans, width, buffers + image * width, &data, end)
            if status != OK:
                return status
        count[0] += 1
    return OK


cdef Status _image(
    const Plan* plans, int width, ColumnBuffer* buffers, const uint8_t** data, const uint8_t* end
) noexcept nogil:
    cdef const uint8_t* nulls = data[0]
    cdef const uint8_t* place = nulls + (width + 7) // 8
    cdef size_t size
    cdef int index
    cdef Status status
    if end - nulls < (width + 7) // 8:
        return MALFORMED
    for index in range(width):
        if nulls[index >> 3] >> (index & 7) & 1:
            if not append_null(&buffers[index]):
                return NO_MEMORY
            continue
        size = plans[index].size
        if <size_t> (end - place) < size:
            return MALFORMED
        if plans[index].sized:
            size = little(place, plans[index].size)
            place += plans[index].size
            if <size_t> (end - place) < size:
                return MALFORMED
        status = _value(&plans[index], &buffers[index], place, size)
        if status != OK:
            return status
        place += size
    data[0] = place
    return OK


cdef Status _value(const Plan* plan, ColumnBuffer* column, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint8_t* start
    cdef uint8_t* out
    if plan.reader == RAW:
        return OK if append_value(column, data, size) else NO_MEMORY
    if plan.reader >= STRIPPED:
        return _string(plan, column, data, size)
    if plan.reader == LABEL or plan.reader == LABELS:
        return _labels(plan, column, little(data, size))
    if not begin_value(column, TEXT_ROOM):
        return NO_MEMORY
    start = column.data.data + column.data.size
    out = _text(plan, start, data, size)
    if out == NULL or out == start:
        return MALFORMED
    column.data.size += out - start
    end_value(column)
    return OK


cdef uint8_t* _text(const Plan* plan, uint8_t* out, const uint8_t* data, size_t size) noexcept nogil:
    """Write a value of fixed size; NULL for impossible bits."""
    cdef uint32_t packed
    if plan.reader == SIGNED:
        return text.signed_text(out, _signed(data, size))
    if plan.reader == UNSIGNED:
        return text.unsigned_text(out, little(data, size))
    if plan.reader == SINGLE or plan.reader == DOUBLE:
        return _float(plan, out, data)
    if plan.reader == DECIMAL:
        return text.decimal_text(out, data, plan.first, plan.second)
    if plan.reader == DATETIME:
        return text.packed_datetime_text(out, data, plan.first)
    if plan.reader == TIMESTAMP:
        return text.packed_timestamp_text(out, data, plan.first)
    if plan.reader == TIME:
        return text.packed_time_text(out, data, plan.first)
    if plan.reader == YEAR:
        return text.digits_text(out, data[0] + 1900 if data[0] else 0, 4)
    if plan.reader == BIT:
        return text.unsigned_text(out, big(data, size))
    packed = little3(data)
    return text.date_text(out, packed >> 9, packed >> 5 & 15, packed & 31)


cdef inline int64_t _signed(const uint8_t* data, size_t size) noexcept nogil:
    if size == 4:
        return <int32_t> little4(data)
    if size == 8:
        return <int64_t> little8(data)
    if size == 3:
        return <int32_t> (little3(data) << 8) >> 8
    return <int16_t> little2(data) if size == 2 else <int8_t> data[0]


cdef uint8_t* _float(const Plan* plan, uint8_t* out, const uint8_t* data) noexcept nogil:
    cdef float single = 0
    cdef double number = 0
    cdef bint slow = False
    cdef uint8_t* end
    if plan.reader == SINGLE:
        memcpy(&single, data, 4)
        end = text.single_text(out, single, &slow)
        number = single
    else:
        memcpy(&number, data, 8)
        end = text.double_text(out, number, &slow)
    return out + _slow_text(out, number, plan.reader == SINGLE) if slow else end


cdef size_t _slow_text(uint8_t* out, double value, bint is_single) noexcept with gil:
    """Let the twin write a number whose shortest text is not unique."""
    try:
        made = twin_values.single_text(value) if is_single else twin_values.double_text(value)
    except BaseException:  # cannot cross the loop without GIL: nothing written says malformed
        return 0
    memcpy(out, <char*> made, len(made))
    return len(made)


cdef Status _labels(const Plan* plan, ColumnBuffer* column, uint64_t value) noexcept nogil:
    """Write the label of an ENUM's number (0: none), or those of a SET's bits, joined by commas."""
    cdef const uint32_t* places = <const uint32_t*> plan.places.data
    cdef uint32_t label, size
    cdef bint is_set = plan.reader == LABELS
    if (is_set and plan.first < 64 and value >> plan.first) or (not is_set and value > <uint64_t> plan.first):
        return MALFORMED
    if not begin_value(column, plan.labels.size + plan.first):
        return NO_MEMORY
    for label in range(<uint32_t> plan.first):
        if (is_set and not value >> label & 1) or (not is_set and value != label + 1):
            continue
        if is_set and value & ((<uint64_t> 1 << label) - 1):
            column.data.data[column.data.size] = 44
            column.data.size += 1
        size = places[label + 1] - places[label]
        if size:
            memcpy(column.data.data + column.data.size, plan.labels.data + places[label], size)
        column.data.size += size
    end_value(column)
    return OK


cdef Status _string(const Plan* plan, ColumnBuffer* column, const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t index, start = column.data.size
    cdef uint8_t* out
    cdef Letter* letter
    if plan.reader == STRIPPED:
        while size and data[size - 1] == 32:
            size -= 1
        return OK if append_value(column, data, size) else NO_MEMORY
    if plan.reader == PADDED:
        if not begin_value(column, size + plan.first):
            return NO_MEMORY
        memcpy(column.data.data + start, data, size)
        if size < <size_t> plan.first:
            memset(column.data.data + start + size, 0, plan.first - size)
            size = plan.first
        column.data.size += size
        end_value(column)
        return OK
    if not begin_value(column, 3 * size):
        return NO_MEMORY
    out = column.data.data + start
    for index in range(size):
        letter = &_latin1[data[index]]
        out[0] = letter.data[0]
        if letter.size > 1:
            memcpy(out + 1, &letter.data[1], letter.size - 1)
        out += letter.size
    column.data.size = out - column.data.data
    if plan.reader == LATIN1_STRIPPED:
        while column.data.size > start and column.data.data[column.data.size - 1] == 32:
            column.data.size -= 1
    end_value(column)
    return OK
