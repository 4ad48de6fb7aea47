"""Reference: text of the MySQL family's character sets to UTF-8.

The load lets the server convert (the connection speaks utf8mb4); the binlog carries a column's own bytes, so that they are
converted here, by the same mapping.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import cache

from ferryman.kernel.errors import KernelError

UTF8_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "binary"})
"""Character sets whose bytes are canonical already."""

_CODECS = {
    "armscii8": "", "ascii": "ascii", "big5": "big5", "cp1250": "cp1250", "cp1251": "cp1251", "cp1256": "cp1256",
    "cp1257": "cp1257", "cp850": "cp850", "cp852": "cp852", "cp866": "cp866", "cp932": "cp932", "dec8": "",
    "eucjpms": "", "euckr": "cp949", "gb18030": "gb18030", "gb2312": "gb2312", "gbk": "gbk", "geostd8": "",
    "greek": "iso8859_7", "hebrew": "iso8859_8", "hp8": "", "keybcs2": "", "koi8r": "koi8_r", "koi8u": "koi8_u",
    "latin2": "iso8859_2", "latin5": "iso8859_9", "latin7": "iso8859_13", "macce": "mac_latin2",
    "macroman": "mac_roman", "sjis": "shift_jis", "swe7": "", "tis620": "tis_620", "ucs2": "utf_16_be",
    "ujis": "euc_jp", "utf16": "utf_16_be", "utf16le": "utf_16_le", "utf32": "utf_32_be",
}  # fmt: skip
"""MySQL's name → Python's codec; empty where Python has none."""

_LATIN1 = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""MySQL's latin1 is Windows-1252, its five holes filled with the C1 control characters."""
_BYTES_APART = {
    "cp866": {0xFC: "\u207f", 0xFD: "\u00b2"},
    "greek": {0xA1: "\u02bd", 0xA2: "\u02bc"},
    "hebrew": {0xAF: "\u203e"},
    "koi8u": {0x95: "\u2022"},
    "tis620": dict.fromkeys((0xA0, *range(0xDB, 0xDF), *range(0xFC, 0x100)), "\ufffd"),
}
"""Bytes that the servers read otherwise than Python's codec (every byte and pair was compared with MariaDB 10.11)."""
_CHARACTERS_APART = {"sjis": ("\uff3c", "\\"), "ujis": ("\uff3c", "\\")}
"""Characters that the servers make another of: JIS's full-width backslash is the plain one."""


@cache
def to_utf8(charset: str) -> Callable[[bytes], bytes] | None:
    """Return the function from `charset` to UTF-8, or `None` when its bytes are UTF-8 already.

    The function raises `UnicodeDecodeError` for bytes that are no text in that character set.

    Raises:
        KernelError: No codec for the character set: ``log.unsupported_event``.
    """
    if charset in UTF8_CHARSETS:
        return None
    if charset == "latin1":
        return _from_latin1
    codec = _CODECS.get(charset)
    if not codec:
        raise KernelError("log.unsupported_event", f"no way known to read character set {charset!r} from the log")
    if charset in _BYTES_APART:
        return _from_table(_table(codec, _BYTES_APART[charset]))
    decode = codecs.getdecoder(codec)
    if charset in _CHARACTERS_APART:
        old, new = _CHARACTERS_APART[charset]
        return lambda data: decode(data, "strict")[0].replace(old, new).encode()
    errors = _BIG5_ERRORS if charset == "big5" else "strict"
    return lambda data: decode(data, errors)[0].encode()


def _table(codec: str, apart: dict[int, str]) -> str:
    """Return the character of each byte, U+FFFE for those that are none."""
    return "".join(apart.get(byte) or bytes((byte,)).decode(codec, "ignore") or "\ufffe" for byte in range(256))


def _from_table(table: str) -> Callable[[bytes], bytes]:
    return lambda data: codecs.charmap_decode(data, "strict", table)[0].encode()


def _from_latin1(data: bytes) -> bytes:
    return data if data.isascii() else codecs.charmap_decode(data, "strict", _LATIN1)[0].encode()


_BIG5_ERRORS = "ferryman.big5"


def _big5_extension(error: UnicodeError) -> tuple[str, int]:
    """Read the seven characters that the servers' Big5 has from ETEN, and Python's has only in cp950."""
    if (
        isinstance(error, UnicodeDecodeError)
        and b"\xf9\xd6" <= error.object[error.start : error.start + 2] <= b"\xf9\xdc"
    ):
        return error.object[error.start : error.start + 2].decode("cp950"), error.start + 2
    raise error


codecs.register_error(_BIG5_ERRORS, _big5_extension)
