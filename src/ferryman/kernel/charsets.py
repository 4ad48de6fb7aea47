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
    "eucjpms": "", "euckr": "euc_kr", "gb18030": "gb18030", "gb2312": "gb2312", "gbk": "gbk", "geostd8": "",
    "greek": "iso8859_7", "hebrew": "iso8859_8", "hp8": "", "keybcs2": "", "koi8r": "koi8_r", "koi8u": "koi8_u",
    "latin2": "iso8859_2", "latin5": "iso8859_9", "latin7": "iso8859_13", "macce": "mac_latin2",
    "macroman": "mac_roman", "sjis": "shift_jis", "swe7": "", "tis620": "tis_620", "ucs2": "utf_16_be",
    "ujis": "euc_jp", "utf16": "utf_16_be", "utf16le": "utf_16_le", "utf32": "utf_32_be",
}  # fmt: skip
"""MySQL's name → Python's codec; empty where Python has none."""

_LATIN1 = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""MySQL's latin1 is Windows-1252, its five holes filled with the C1 control characters."""


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
    decode = codecs.getdecoder(codec)
    return lambda data: decode(data, "strict")[0].encode()


def _from_latin1(data: bytes) -> bytes:
    return data if data.isascii() else codecs.charmap_decode(data, "strict", _LATIN1)[0].encode()
