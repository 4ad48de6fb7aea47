# cython: language_level=3
"""Canonical text of values, native: each function writes at `out` and returns the place behind, NULL for impossible bits.

`ferryman.kernel.values` is the specification. Nothing here needs the GIL; no function writes more than `TEXT_ROOM` bytes.
"""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

cdef extern from "<charconv>" namespace "std" nogil:
    cdef cppclass to_chars_result:
        char* ptr
    cdef cppclass from_chars_result:
        const char* ptr
    cdef enum class chars_format:
        scientific
        general
    to_chars_result to_chars(char* first, char* last, int64_t value)
    to_chars_result to_chars_unsigned "std::to_chars"(char* first, char* last, uint64_t value)
    to_chars_result to_chars_double "std::to_chars"(char* first, char* last, double value, chars_format format)
    to_chars_result to_chars_float "std::to_chars"(char* first, char* last, float value, chars_format format)
    to_chars_result to_chars_digits "std::to_chars"(char* first, char* last, double value, chars_format format, int digits)
    from_chars_result from_chars(const char* first, const char* last, double& value)
    from_chars_result from_chars_single "std::from_chars"(const char* first, const char* last, float& value)

cdef extern from *:
    """
    #include <charconv>
    #include <cstring>
    static const uint32_t ferryman_tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
    static inline uint64_t ferryman_bits64(double value) { uint64_t bits; std::memcpy(&bits, &value, 8); return bits; }
    static inline uint32_t ferryman_bits32(float value) { uint32_t bits; std::memcpy(&bits, &value, 4); return bits; }
    """
    uint64_t ferryman_bits64(double value) nogil
    uint32_t ferryman_bits32(float value) nogil
    const uint32_t _TENS "ferryman_tens"[10]

cdef enum:
    TEXT_ROOM = 96


cdef inline uint32_t little2(const uint8_t* data) noexcept nogil:
    return data[0] | <uint32_t> data[1] << 8


cdef inline uint32_t little3(const uint8_t* data) noexcept nogil:
    return data[0] | <uint32_t> data[1] << 8 | <uint32_t> data[2] << 16


cdef inline uint32_t little4(const uint8_t* data) noexcept nogil:
    return little2(data) | little2(data + 2) << 16


cdef inline uint64_t little8(const uint8_t* data) noexcept nogil:
    return little4(data) | <uint64_t> little4(data + 4) << 32


cdef inline uint64_t little(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t value = 0
    cdef size_t place
    for place in range(size):
        value |= <uint64_t> data[place] << (8 * place)
    return value


cdef inline uint64_t big(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t value = 0
    cdef size_t place
    for place in range(size):
        value = value << 8 | data[place]
    return value


cdef inline uint8_t* signed_text(uint8_t* out, int64_t value) noexcept nogil:
    return <uint8_t*> to_chars(<char*> out, <char*> out + 24, value).ptr


cdef inline uint8_t* unsigned_text(uint8_t* out, uint64_t value) noexcept nogil:
    return <uint8_t*> to_chars_unsigned(<char*> out, <char*> out + 24, value).ptr


cdef inline uint8_t* digits_text(uint8_t* out, uint32_t value, int digits) noexcept nogil:
    """Write exactly `digits` digits, with leading zeros; higher ones are lost."""
    cdef int place
    for place in range(digits - 1, -1, -1):
        out[place] = 48 + value % 10
        value //= 10
    return out + digits


cdef inline uint8_t* _lay_out(uint8_t* out, const uint8_t* text, const uint8_t* end) noexcept nogil:
    """Lay out ``d.ddde±xx`` as `repr` does, without a trailing ``.0``."""
    cdef uint8_t digits[20]
    cdef int count = 0, power = 0, sign = 1, place
    if text[0] == 45:
        out[0] = 45
        out += 1
        text += 1
    while text < end and text[0] != 101:
        if text[0] != 46 and count < 20:
            digits[count] = text[0]
            count += 1
        text += 1
    text += 1
    if text < end and (text[0] == 45 or text[0] == 43):
        sign = -1 if text[0] == 45 else 1
        text += 1
    while text < end:
        power = power * 10 + text[0] - 48
        text += 1
    power *= sign
    if -4 <= power < 16:
        if power < 0:
            out[0] = 48
            out[1] = 46
            memset(out + 2, 48, -power - 1)
            memcpy(out + 1 - power, digits, count)
            return out + 1 - power + count
        for place in range(power + 1):
            out[place] = digits[place] if place < count else 48
        out += power + 1
        if count <= power + 1:
            return out
        out[0] = 46
        memcpy(out + 1, digits + power + 1, count - power - 1)
        return out + count - power
    out[0] = digits[0]
    out += 1
    if count > 1:
        out[0] = 46
        memcpy(out + 1, digits + 1, count - 1)
        out += count
    out[0] = 101
    out[1] = 45 if power < 0 else 43
    power = -power if power < 0 else power
    return digits_text(out + 2, power, 3 if power > 99 else 2)


cdef inline uint8_t* double_text(uint8_t* out, double value, bint* slow) noexcept nogil:
    """Write a double; sets `slow` for the few whose shortest text is not unique, which the twin decides."""
    cdef uint8_t text[40]
    cdef uint8_t* end
    cdef uint64_t bits = ferryman_bits64(value)
    if not isfinite(value):
        return NULL
    if -9007199254740992.0 < value < 9007199254740992.0 and value == <double> <int64_t> value:
        if value == 0 and bits >> 63:
            out[0] = 45
            out += 1
        return signed_text(out, <int64_t> value)
    end = <uint8_t*> to_chars_double(<char*> text, <char*> text + 40, value, chars_format.scientific).ptr
    # At a power of two the gap below is half the gap above, and implementations choose differently (16 or 17 digits).
    if bits << 12 == 0 and end - text > 20:
        slow[0] = True
        return out
    return _lay_out(out, text, end)


cdef inline uint8_t* single_text(uint8_t* out, float value, bint* slow) noexcept nogil:
    """Write a single; sets `slow` as `double_text` does, and where reading it as a double would round twice."""
    cdef uint8_t text[40]
    cdef uint8_t* end
    cdef uint32_t bits = ferryman_bits32(value)
    cdef double read = 0
    if not isfinite(value):
        return NULL
    if -16777216.0 < value < 16777216.0 and value == <float> <int32_t> value:
        if value == 0 and bits >> 31:
            out[0] = 45
            out += 1
        return signed_text(out, <int64_t> value)
    end = <uint8_t*> to_chars_float(<char*> text, <char*> text + 40, value, chars_format.scientific).ptr
    from_chars(<char*> text, <char*> end, read)
    if (bits << 9 == 0 and end - text > 10) or <float> read != value:
        slow[0] = True
        return out
    return _lay_out(out, text, end)


cdef inline uint8_t* decimal_text(uint8_t* out, const uint8_t* packed, int precision, int scale) noexcept nogil:
    """Write a packed decimal with exactly `scale` digits after the point."""
    cdef int whole = precision - scale, left = precision, digits, size, place
    cdef uint8_t flip = 0 if packed[0] & 0x80 else 0xFF
    cdef uint8_t first = 0x80
    cdef uint32_t value
    cdef uint8_t text[96]
    cdef uint8_t* end = text
    cdef uint8_t* start = text
    while left:
        if left > scale:
            digits = whole % 9 if whole % 9 and left == precision else 9
        else:
            digits = 9 if left >= 9 else left
        size = 4 if digits > 6 else (digits + 1) // 2
        value = 0
        for place in range(size):
            value = value << 8 | <uint8_t> (packed[place] ^ flip ^ first)
            first = 0
        packed += size
        end = digits_text(end, value, digits)
        if digits < 9 and value >= _TENS[digits] or digits == 9 and value > 999999999:
            return NULL
        left -= digits
    if flip:
        out[0] = 45
        out += 1
    place = 0
    while place < whole - 1 and text[place] == 48:
        place += 1
    start = text + place
    if whole == 0:
        out[0] = 48
        out += 1
    else:
        memcpy(out, start, whole - place)
        out += whole - place
    if scale:
        out[0] = 46
        memcpy(out + 1, text + whole, scale)
        out += scale + 1
    return out


cdef inline uint8_t* fraction_text(uint8_t* out, uint32_t micros, int fraction) noexcept nogil:
    """Write ``.ffffff`` cut to `fraction` digits, nothing for none."""
    cdef uint8_t text[8]
    cdef int place
    if micros > 999999:
        return NULL
    digits_text(text, micros, 6)
    for place in range(fraction, 6):
        if text[place] != 48:
            return NULL
    if not fraction:
        return out
    out[0] = 46
    memcpy(out + 1, text, fraction)
    return out + 1 + fraction


cdef inline uint8_t* date_text(uint8_t* out, uint32_t year, uint32_t month, uint32_t day) noexcept nogil:
    if year > 9999 or month > 12 or day > 31:
        return NULL
    out = digits_text(out, year, 4)
    out[0] = 45
    out = digits_text(out + 1, month, 2)
    out[0] = 45
    return digits_text(out + 1, day, 2)


cdef inline uint8_t* clock_text(uint8_t* out, uint32_t hour, uint32_t minute, uint32_t second) noexcept nogil:
    if hour > 838 or minute > 59 or second > 59:
        return NULL
    out = digits_text(out, hour, 3 if hour > 99 else 2)
    out[0] = 58
    out = digits_text(out + 1, minute, 2)
    out[0] = 58
    return digits_text(out + 1, second, 2)


cdef inline uint8_t* time_text(
    uint8_t* out, bint negative, uint32_t hour, uint32_t minute, uint32_t second, uint32_t micros, int fraction
) noexcept nogil:
    if negative and (hour or minute or second or micros):
        out[0] = 45
        out += 1
    out = clock_text(out, hour, minute, second)
    if out == NULL:
        return NULL
    return fraction_text(out, micros, fraction)


cdef inline uint8_t* datetime_text(
    uint8_t* out, uint32_t year, uint32_t month, uint32_t day, uint32_t hour, uint32_t minute, uint32_t second,
    uint32_t micros, int fraction
) noexcept nogil:
    out = date_text(out, year, month, day)
    if out == NULL or hour > 23:
        return NULL
    out[0] = 32
    out = clock_text(out + 1, hour, minute, second)
    if out == NULL:
        return NULL
    return fraction_text(out, micros, fraction)


cdef inline uint8_t* timestamp_text(uint8_t* out, uint32_t seconds, uint32_t micros, int fraction) noexcept nogil:
    """Write seconds since 1970 in UTC; the civil date by Howard Hinnant's ``civil_from_days``, for days from 1970 on."""
    cdef uint32_t days = seconds // 86400 + 719468, rest = seconds % 86400
    cdef uint32_t era = days // 146097, day_of_era = days % 146097
    cdef uint32_t year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    cdef uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef uint32_t month = (5 * day_of_year + 2) // 153
    cdef uint32_t day = day_of_year - (153 * month + 2) // 5 + 1
    cdef uint32_t year = year_of_era + era * 400
    month = month + 3 if month < 10 else month - 9
    year += month <= 2
    if seconds == 0 and micros == 0:
        year = month = day = 0
    return datetime_text(out, year, month, day, rest // 3600, rest // 60 % 60, rest % 60, micros, fraction)


cdef inline uint32_t packed_micros(uint64_t units, int fraction) noexcept nogil:
    """Return the packed fraction of a TIMESTAMP2, DATETIME2 or TIME2 in microseconds."""
    if fraction == 0:
        return 0
    return <uint32_t> (units * (10000 if fraction <= 2 else 100 if fraction <= 4 else 1))


cdef inline uint8_t* packed_timestamp_text(uint8_t* out, const uint8_t* packed, int fraction) noexcept nogil:
    cdef uint32_t micros = packed_micros(big(packed + 4, (fraction + 1) // 2), fraction)
    return timestamp_text(out, <uint32_t> big(packed, 4), micros, fraction)


cdef inline uint8_t* packed_datetime_text(uint8_t* out, const uint8_t* packed, int fraction) noexcept nogil:
    cdef uint64_t value = big(packed, 5)
    cdef uint32_t micros = packed_micros(big(packed + 5, (fraction + 1) // 2), fraction)
    cdef uint32_t months
    if value < 0x8000000000ULL:
        return NULL
    value -= 0x8000000000ULL
    months = <uint32_t> (value >> 22)
    return datetime_text(
        out, months // 13, months % 13, value >> 17 & 31, value >> 12 & 31, value >> 6 & 63, value & 63, micros, fraction
    )


cdef inline uint8_t* packed_time_text(uint8_t* out, const uint8_t* packed, int fraction) noexcept nogil:
    cdef int bits = 8 * ((fraction + 1) // 2)
    cdef int64_t value = <int64_t> big(packed, 3 + bits // 8) - (<int64_t> 0x800000 << bits)
    cdef uint64_t size = <uint64_t> (-value if value < 0 else value)
    cdef uint32_t clock = <uint32_t> (size >> bits)
    cdef uint32_t micros = packed_micros(size & ((<uint64_t> 1 << bits) - 1), fraction)
    return time_text(out, value < 0, clock >> 12, clock >> 6 & 63, clock & 63, micros, fraction)
