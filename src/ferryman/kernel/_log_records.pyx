# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: records of a log store's segment. `ferryman.kernel.log_records` is the specification.

It is asked again for every record that cannot be read here: it then raises the error, or knows better.
"""

from zlib import crc32

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject_GenericSetAttr
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from ferryman.kernel._values cimport little4, little8

from ferryman.kernel import log_records as twin
from ferryman.model.position import Position

cdef size_t PREFIX = 8, HEAD = 11
cdef int BOUNDARY = 1, WHOLE_TOKEN = 2
cdef object _new = Position.__new__
cdef tuple _NOWHERE = ()


cdef size_t sound_length(bytes data, size_t place, size_t end) except? 1:
    """Return the length of the body of the record at `place`; 0 where no whole and sound one begins."""
    cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(data) + place
    cdef size_t length
    if end < place + PREFIX:
        return 0
    length = little4(start)
    if length < HEAD or length > end - place - PREFIX:
        return 0
    body = memoryview(data)[place + PREFIX : place + PREFIX + length]
    return length if <size_t> crc32(body, length) == little4(start + 4) else 0


cdef size_t limit(bytes data, place, end) except? 0:
    if not 0 <= place <= len(data) or end > len(data):
        raise ValueError("a place outside of the data")
    return max(end, place)


cdef object read_entries(const uint8_t* body, size_t size, size_t* place, int count, dict entries):
    """Read token entries into `entries`; `False` when they are cut off."""
    cdef size_t key, value
    cdef int number
    for number in range(count):
        if size - place[0] < 5:
            return False
        key, value = body[place[0]], little4(body + place[0] + 1)
        place[0] += 5
        if size - place[0] < key or size - place[0] - key < value:
            return False
        name = PyUnicode_DecodeUTF8(<const char*> body + place[0], key, NULL)
        place[0] += key
        entries[name] = PyUnicode_DecodeUTF8(<const char*> body + place[0], value, NULL)
        place[0] += value
    return True


cdef object read_record(const uint8_t* body, size_t size, kind, dict token):
    """Return a record, or `None` when its content is not as it should be."""
    cdef size_t place = HEAD
    cdef int flags = body[0], orders = body[1], number
    cdef double time
    cdef dict entries
    memcpy(&time, body + 3, 8)
    if size - place < 8 * <size_t> orders:
        return None
    order = tuple([little8(body + place + 8 * number) for number in range(orders)])
    place += 8 * orders
    entries = {} if flags & WHOLE_TOKEN else token.copy()
    if not read_entries(body, size, &place, body[2], entries):
        return None
    # As the frozen class's own __init__ does, without its detour through Python: a log has very many of these.
    position = _new(Position)
    PyObject_GenericSetAttr(position, "kind", kind)
    PyObject_GenericSetAttr(position, "token", entries)
    PyObject_GenericSetAttr(position, "order", order)
    PyObject_GenericSetAttr(position, "time", time)
    PyObject_GenericSetAttr(position, "since", _NOWHERE)
    return (position, (<const char*> body)[place:size], bool(flags & BOUNDARY))


def decode_records(bytes data, place, end, kind, dict token):
    """Decode the records of ``data[place:end]`` up to the first that is not whole and sound, or cannot be read."""
    cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(data)
    cdef size_t length, last = limit(data, place, end), at = place
    cdef list found = []
    while True:
        length = sound_length(data, at, last)
        if length == 0:
            return found, at, token
        try:
            record = read_record(start + at + PREFIX, length, kind, token)
        except UnicodeDecodeError:
            record = None
        if record is None:
            return (found, at, token) if found else twin.decode_records(data, at, end, kind, token)
        found.append(record)
        token = record[0].token
        at += PREFIX + length


def pass_records(bytes data, place, end, enough):
    """Pass whole and sound records, up to the first border at `enough` or behind it."""
    cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(data)
    cdef size_t length, last = limit(data, place, end), at = place, border = 0
    cdef long long wanted = enough
    while True:
        length = sound_length(data, at, last)
        if length == 0:
            return at, border
        at += PREFIX + length
        if start[at - length] & BOUNDARY:
            border = at
            if <long long> border >= wanted:
                return at, border
