# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: rows of a MySQL binary-protocol result set to canonical batches.

`ferryman.kernel.result_rows` is the specification; columns that need more than bytes and digits go to it whole.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

from ferryman.kernel cimport _values as text
from ferryman.kernel._batches cimport column_data
from ferryman.kernel._bytes cimport (
    MALFORMED, NO_MEMORY, OK, Buffer, ColumnBuffer, Status, append, append_null, append_value, begin_value, cut_back,
    end_value, release, release_column, reserve,
)
from ferryman.kernel._values cimport TEXT_ROOM, little, little2, little4, little8

from ferryman.kernel import result_rows as twin
from ferryman.kernel import values as twin_values
from ferryman.model.batch import Batch
from ferryman.model.types import Kind

WireColumn = twin.WireColumn

cdef enum:
    FULL_PACKET = 0xFFFFFF
    MOST_PENDING = 4 << 20
    MOST_KEPT = 16 << 20  # a greater buffer, made for a giant row, is given back

cdef enum Reader:
    SIGNED, UNSIGNED, YEAR, SINGLE, DOUBLE, DATE, DATETIME, TIME, STRING, CHAR, LOWER, PADDED, BIT, DECIMAL, NUMBER

cdef struct Plan:
    Reader reader
    int size  # bytes of a number; least bytes of a padded value; bytes of a BIT; digits after the point
    int fraction


cdef class ResultSetDecoder:
    """Decodes the row packets of one result set; fed with what comes from the socket, cut anywhere."""

    cdef Plan* _plans
    cdef ColumnBuffer* _columns
    cdef Buffer _pending, _payload
    cdef int _width, _bitmap
    cdef size_t _rows, _needed, _end_limit
    cdef bint _finished, _in_parts
    cdef object _twin

    def __cinit__(self, columns, *, deprecate_eof=False):
        self._width = len(columns)
        self._plans = <Plan*> calloc(self._width + 1, sizeof(Plan))
        self._columns = <ColumnBuffer*> calloc(self._width + 1, sizeof(ColumnBuffer))
        if self._plans == NULL or self._columns == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef int index
        if self._columns != NULL:
            for index in range(self._width):
                release_column(&self._columns[index])
        free(self._columns)
        free(self._plans)
        release(&self._pending)
        release(&self._payload)

    def __init__(self, columns, *, deprecate_eof=False):
        """Make a decoder for rows of these columns."""
        cdef int index
        decoder = twin.ResultSetDecoder(columns, deprecate_eof=deprecate_eof)  # refuses what cannot be read
        self._bitmap = (self._width + 9) // 8
        self._end_limit = FULL_PACKET if deprecate_eof else 9
        self._needed = 4
        for index, column in enumerate(columns):
            plan = _plan(column)
            if plan is None:
                self._twin = decoder
                return
            self._plans[index].reader, self._plans[index].size, self._plans[index].fraction = plan

    def feed(self, data):
        """Take bytes. Raises `ServerError` for an ERR packet, `KernelError` for malformed bytes."""
        cdef const uint8_t[::1] view
        cdef size_t size = len(data)
        if self._twin is not None:
            self._twin.feed(data)
            return
        if not size:
            return
        view = data
        if self._pending.size == 0:
            self._read(&view[0], size, True)
            return
        if not append(&self._pending, &view[0], size):
            raise MemoryError
        if self._pending.size >= self._needed:
            self._read(self._pending.data, self._pending.size, False)

    cdef _read(self, const uint8_t* data, size_t size, bint is_new):
        """Read whole packets; keep the rest."""
        cdef size_t place = 0, start = 0
        cdef Status status = OK
        with nogil:
            status = self._packets(data, size, &place, &start)
        if status == MALFORMED:
            self._refuse(data, start, place)
        if status == NO_MEMORY:
            raise MemoryError
        if is_new:
            if not append(&self._pending, data + place, size - place):
                raise MemoryError
        else:
            memmove(self._pending.data, self._pending.data + place, size - place)
            self._pending.size = size - place
            if place == size and self._pending.capacity > MOST_PENDING:
                release(&self._pending)

    cdef Status _packets(self, const uint8_t* data, size_t size, size_t* place, size_t* packet) noexcept nogil:
        """Read whole packets from `place` on; at an error `packet` is the place of its payload, `place` its end."""
        cdef size_t start, length
        cdef Status status = OK
        while place[0] + 4 <= size:
            start = place[0] + 4
            length = data[place[0]] | <size_t> data[place[0] + 1] << 8 | <size_t> data[place[0] + 2] << 16
            if start + length > size:
                self._needed = length + 4
                return OK
            packet[0] = start
            place[0] = start + length
            if self._finished:
                return MALFORMED
            if length == FULL_PACKET or self._in_parts:
                if not append(&self._payload, data + start, length):
                    return NO_MEMORY
                self._in_parts = length == FULL_PACKET
                if self._in_parts:
                    continue
                status = self._packet(self._payload.data, self._payload.size)
                if status == OK:
                    release(&self._payload)
            else:
                status = self._packet(data + start, length)
            if status != OK:
                return status
        self._needed = 4
        return OK

    cdef Status _packet(self, const uint8_t* data, size_t size) noexcept nogil:
        cdef Status status
        cdef int index
        if size == 0 or data[0] == 0xFF:
            return MALFORMED
        if data[0] == 0:
            status = self._row(data + 1, size - 1)
            if status == OK:
                self._rows += 1
            else:
                for index in range(self._width):
                    cut_back(&self._columns[index], self._rows)
            return status
        if data[0] == 0xFE and size < self._end_limit:
            self._finished = True
            return OK
        return MALFORMED

    cdef _refuse(self, const uint8_t* data, size_t start, size_t end):
        """Raise the error that the packet at fault deserves."""
        cdef const uint8_t* payload = data + start
        cdef size_t size = end - start
        if self._finished:
            raise twin._malformed("bytes behind the end of the result set")
        if self._payload.size:
            payload, size = self._payload.data, self._payload.size
        if size == 0:
            raise twin._malformed("an empty packet")
        if payload[0] == 0xFF:
            raise twin._server_error((<char*> payload)[1:size])
        if payload[0] == 0:
            raise twin._malformed(f"row {self._rows + 1}")
        raise twin._malformed(f"a packet that begins with 0x{payload[0]:02x}")

    cdef Status _row(self, const uint8_t* data, size_t size) noexcept nogil:
        cdef const uint8_t* nulls = data
        cdef const uint8_t* end = data + size
        cdef Status status
        cdef int index
        if size < <size_t> self._bitmap:
            return MALFORMED
        data += self._bitmap
        for index in range(self._width):
            if nulls[(index + 2) >> 3] >> ((index + 2) & 7) & 1:
                if not append_null(&self._columns[index]):
                    return NO_MEMORY
                continue
            status = _value(&self._plans[index], &self._columns[index], &data, end)
            if status != OK:
                return status
        return OK if data == end else MALFORMED

    @property
    def buffered_rows(self):
        """Whole rows decoded and not yet taken."""
        return self._rows if self._twin is None else self._twin.buffered_rows

    @property
    def buffered_bytes(self):
        """Bytes of their values."""
        cdef size_t size = 0
        cdef int index
        if self._twin is not None:
            return self._twin.buffered_bytes
        for index in range(self._width):
            size += self._columns[index].data.size
        return size

    @property
    def finished(self):
        """Whether the end of the result set has been seen."""
        return self._finished if self._twin is None else self._twin.finished

    def take(self):
        """Return all buffered rows and forget them."""
        cdef int index
        if self._twin is not None:
            return self._twin.take()
        rows, columns = self._rows, []
        self._rows = 0
        try:
            for index in range(self._width):
                columns.append(column_data(&self._columns[index]))
                if self._columns[index].data.capacity > MOST_KEPT:
                    release_column(&self._columns[index])
        finally:
            for index in range(self._width):
                cut_back(&self._columns[index], 0)
        return Batch(rows, tuple(columns))


_NUMBERS = {1: 1, 2: 2, 3: 4, 9: 4, 8: 8}
_STRINGS = frozenset({0, 15, 16, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255})
_DATETIMES = frozenset({7, 10, 12, 14, 17, 18})
_KINDS = {
    Kind.VARCHAR: STRING, Kind.TEXT: STRING, Kind.ENUM: STRING, Kind.SET: STRING, Kind.VARBINARY: STRING,
    Kind.BLOB: STRING, Kind.JSON: STRING, Kind.GEOMETRY: STRING, Kind.CHAR: CHAR, Kind.UUID: LOWER,
    Kind.INET4: LOWER, Kind.INET6: LOWER, Kind.BINARY: PADDED,
}


cdef object _plan(column):
    """Return (reader, size, fraction), or `None` for the twin's business."""
    kind, wire_type, type_ = column.type.kind, column.wire_type, column.type
    if kind is Kind.INTEGER and wire_type in _NUMBERS:
        return (UNSIGNED if column.unsigned else SIGNED), _NUMBERS[wire_type], 0
    if kind is Kind.YEAR and wire_type in (2, 13) and (column.unsigned or wire_type == 13):
        return YEAR, 2, 0
    if kind is Kind.FLOAT and wire_type == 4:
        return SINGLE, 4, 0
    if kind is Kind.DOUBLE and wire_type == 5:
        return DOUBLE, 8, 0
    if kind is Kind.DATE and wire_type in _DATETIMES:
        return DATE, 0, 0
    if (kind is Kind.DATETIME or kind is Kind.TIMESTAMP) and wire_type in _DATETIMES:
        return DATETIME, 0, type_.fraction
    if kind is Kind.TIME and wire_type in (11, 19):
        return TIME, 0, type_.fraction
    if kind is Kind.BIT and wire_type == 16:
        return BIT, (type_.bits + 7) // 8, 0
    if kind is Kind.DECIMAL and wire_type in (0, 246) and not type_.zerofill:
        return DECIMAL, type_.scale or 0, 0
    if kind in _KINDS and wire_type in _STRINGS:
        return _KINDS[kind], (type_.length or 0) if kind is Kind.BINARY else 0, 0
    return None


cdef Status _value(Plan* plan, ColumnBuffer* column, const uint8_t** data, const uint8_t* end) noexcept nogil:
    """Read one value at `data`, which moves behind it."""
    if plan.reader <= DOUBLE:
        return _number(plan, column, data, end)
    if plan.reader <= TIME:
        return _moment(plan, column, data, end)
    return _string(plan, column, data, end)


cdef Status _number(Plan* plan, ColumnBuffer* column, const uint8_t** data, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* place = data[0]
    cdef uint8_t* start
    cdef uint8_t* out
    cdef float single
    cdef double number
    cdef bint slow = False
    if end - place < plan.size:
        return MALFORMED
    if not begin_value(column, TEXT_ROOM):
        return NO_MEMORY
    start = column.data.data + column.data.size
    data[0] = place + plan.size
    if plan.reader == UNSIGNED:
        out = text.unsigned_text(start, little(place, plan.size))
    elif plan.reader == SIGNED:
        out = text.signed_text(start, _signed(place, plan.size))
    elif plan.reader == YEAR:
        if little2(place) > 9999:
            return MALFORMED
        out = text.digits_text(start, little2(place), 4)
    elif plan.reader == SINGLE:
        memcpy(&single, place, 4)
        out = text.single_text(start, single, &slow)
        number = single
    else:
        memcpy(&number, place, 8)
        out = text.double_text(start, number, &slow)
    if slow:
        out = start + _slow_text(start, number, plan.reader == SINGLE)
    if out == NULL or out == start:
        return MALFORMED
    column.data.size += out - start
    end_value(column)
    return OK


cdef inline int64_t _signed(const uint8_t* place, int size) noexcept nogil:
    if size == 4:
        return <int32_t> little4(place)
    if size == 8:
        return <int64_t> little8(place)
    return <int16_t> little2(place) if size == 2 else <int8_t> place[0]


cdef size_t _slow_text(uint8_t* out, double value, bint is_single) noexcept with gil:
    """Let the twin write a number whose shortest text is not unique."""
    try:
        made = twin_values.single_text(value) if is_single else twin_values.double_text(value)
    except BaseException:  # cannot cross the loop without GIL: nothing written says malformed
        return 0
    memcpy(out, <char*> made, len(made))
    return len(made)


cdef Status _moment(Plan* plan, ColumnBuffer* column, const uint8_t** data, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* place = data[0]
    cdef uint8_t fields[16]
    cdef uint8_t* start
    cdef uint8_t* out
    cdef size_t length
    if place >= end:
        return MALFORMED
    length = place[0]
    if length > 12 or <size_t> (end - place) < length + 1:
        return MALFORMED
    memset(fields, 0, 16)
    memcpy(fields, place + 1, length)
    if not begin_value(column, TEXT_ROOM):
        return NO_MEMORY
    start = column.data.data + column.data.size
    data[0] = place + 1 + length
    if plan.reader == TIME:
        if length not in (0, 8, 12) or fields[0] > 1 or fields[5] > 23 or little4(fields + 1) > 34:
            return MALFORMED
        out = text.time_text(start, fields[0] == 1, little4(fields + 1) * 24 + fields[5], fields[6], fields[7],
                             little4(fields + 8), plan.fraction)
    elif length not in (0, 4, 7, 11):
        return MALFORMED
    elif plan.reader == DATE:
        if fields[4] | fields[5] | fields[6] | little4(fields + 7):
            return MALFORMED
        out = text.date_text(start, little2(fields), fields[2], fields[3])
    else:
        out = text.datetime_text(start, little2(fields), fields[2], fields[3], fields[4], fields[5], fields[6],
                                 little4(fields + 7), plan.fraction)
    if out == NULL:
        return MALFORMED
    column.data.size += out - start
    end_value(column)
    return OK


cdef Status _string(Plan* plan, ColumnBuffer* column, const uint8_t** data, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* place = data[0]
    cdef uint8_t* out
    cdef size_t length, size_bytes, index
    if place >= end:
        return MALFORMED
    length = place[0]
    place += 1
    if length > 250:
        if length == 251 or length == 255:
            return MALFORMED
        size_bytes = 2 if length == 252 else 3 if length == 253 else 8
        if <size_t> (end - place) < size_bytes:
            return MALFORMED
        length = little(place, size_bytes)
        place += size_bytes
    if <size_t> (end - place) < length:
        return MALFORMED
    data[0] = place + length
    if plan.reader == BIT:
        return _bits(plan, column, place, length)
    if plan.reader == DECIMAL and not _is_decimal(place, length, plan.size):
        return MALFORMED
    if plan.reader == CHAR:
        while length and place[length - 1] == 32:
            length -= 1
    if plan.reader == PADDED and length < <size_t> plan.size:
        return _padded(column, place, length, plan.size)
    if not append_value(column, place, length):
        return NO_MEMORY
    if plan.reader == LOWER:
        out = column.data.data + column.data.size - length
        for index in range(length):
            if 65 <= out[index] <= 90:
                out[index] += 32
    return OK


cdef Status _padded(ColumnBuffer* column, const uint8_t* place, size_t length, size_t size) noexcept nogil:
    if not begin_value(column, size):
        return NO_MEMORY
    memcpy(column.data.data + column.data.size, place, length)
    memset(column.data.data + column.data.size + length, 0, size - length)
    column.data.size += size
    end_value(column)
    return OK


cdef Status _bits(Plan* plan, ColumnBuffer* column, const uint8_t* place, size_t length) noexcept nogil:
    cdef uint8_t* start
    if length != <size_t> plan.size or length > 8:
        return MALFORMED
    if not begin_value(column, TEXT_ROOM):
        return NO_MEMORY
    start = column.data.data + column.data.size
    column.data.size += text.unsigned_text(start, text.big(place, length)) - start
    end_value(column)
    return OK


cdef bint _is_decimal(const uint8_t* place, size_t length, size_t scale) noexcept nogil:
    """Whether it is ``-?(0|[1-9]d*)`` and, for a scale, a point and so many digits: it is written into SQL bare."""
    cdef size_t index, whole
    if length and place[0] == 45:
        place += 1
        length -= 1
    if scale:
        if length < scale + 2 or place[length - scale - 1] != 46:
            return False
        whole = length - scale - 1
    else:
        whole = length
    if whole == 0 or whole > 65 or (place[0] == 48 and whole > 1):
        return False
    for index in range(length):
        if not 48 <= place[index] <= 57 and not (scale and index == whole):
            return False
    return True
