"""Character sets and collations of the MySQL family: what belongs to what, and what a target makes of it.

Sources: `information_schema.COLLATIONS` of MariaDB 10.11, MySQL 8.0 reference manual §10.10.
"""

from __future__ import annotations

from ferryman.model.schema import ServerTraits

DEFAULT_COLLATIONS: dict[str, str] = {
    "armscii8": "armscii8_general_ci",
    "ascii": "ascii_general_ci",
    "big5": "big5_chinese_ci",
    "binary": "binary",
    "cp1250": "cp1250_general_ci",
    "cp1251": "cp1251_general_ci",
    "cp1256": "cp1256_general_ci",
    "cp1257": "cp1257_general_ci",
    "cp850": "cp850_general_ci",
    "cp852": "cp852_general_ci",
    "cp866": "cp866_general_ci",
    "cp932": "cp932_japanese_ci",
    "dec8": "dec8_swedish_ci",
    "eucjpms": "eucjpms_japanese_ci",
    "euckr": "euckr_korean_ci",
    "gb18030": "gb18030_chinese_ci",
    "gb2312": "gb2312_chinese_ci",
    "gbk": "gbk_chinese_ci",
    "geostd8": "geostd8_general_ci",
    "greek": "greek_general_ci",
    "hebrew": "hebrew_general_ci",
    "hp8": "hp8_english_ci",
    "keybcs2": "keybcs2_general_ci",
    "koi8r": "koi8r_general_ci",
    "koi8u": "koi8u_general_ci",
    "latin1": "latin1_swedish_ci",
    "latin2": "latin2_general_ci",
    "latin5": "latin5_turkish_ci",
    "latin7": "latin7_general_ci",
    "macce": "macce_general_ci",
    "macroman": "macroman_general_ci",
    "sjis": "sjis_japanese_ci",
    "swe7": "swe7_swedish_ci",
    "tis620": "tis620_thai_ci",
    "ucs2": "ucs2_general_ci",
    "ujis": "ujis_japanese_ci",
    "utf16": "utf16_general_ci",
    "utf16le": "utf16le_general_ci",
    "utf32": "utf32_general_ci",
    "utf8mb3": "utf8mb3_general_ci",
    "utf8mb4": "utf8mb4_general_ci",
}
"""Character set → its collation by default, where the server has not said otherwise."""

BYTES_PER_CHARACTER: dict[str, int] = {
    "big5": 2, "cp932": 2, "eucjpms": 3, "euckr": 2, "gb18030": 4, "gb2312": 2, "gbk": 2, "sjis": 2, "ucs2": 2,
    "ujis": 3, "utf16": 4, "utf16le": 4, "utf32": 4, "utf8mb3": 3, "utf8mb4": 4,
}  # fmt: skip
"""Most bytes of a character; 1 for the sets that are not named."""

UTF8_SETS = frozenset({"utf8mb3", "utf8mb4", "ascii"})
"""Sets whose text takes the same bytes in utf8mb4."""


def charset_name(name: str | None) -> str | None:
    """Return a character set as new servers spell it: ``utf8`` is ``utf8mb3``."""
    lowered = name.lower() if name else None
    return "utf8mb3" if lowered == "utf8" else lowered


def collation_name(name: str | None) -> str | None:
    """Return a collation as new servers spell it: ``utf8_bin`` is ``utf8mb3_bin``."""
    lowered = name.lower() if name else None
    return "utf8mb3" + lowered[4:] if lowered and lowered.startswith("utf8_") else lowered


def charset_of(collation: str | None) -> str | None:
    """Return the character set of a collation, which is its first word.

    MariaDB's ``uca1400_…`` collations serve every Unicode set: `None`, the set must come from elsewhere.
    """
    name = collation_name(collation)
    if name is None or name.startswith("uca1400"):
        return None
    return name.split("_", 1)[0]


def default_collation(charset: str | None, traits: ServerTraits) -> str | None:
    """Return the collation a character set takes on that server when none is named."""
    name = charset_name(charset)
    if name is None:
        return None
    told = traits.default_collations.get(name)
    return collation_name(told) if told else DEFAULT_COLLATIONS.get(name)


def full_collation(charset: str | None, collation: str | None, traits: ServerTraits) -> tuple[str | None, str | None]:
    """Complete a pair of which either may be missing; MariaDB's short ``uca1400_ai_ci`` gets its set in front."""
    charset, collation = charset_name(charset), collation_name(collation)
    if collation is None:
        return charset, default_collation(charset, traits)
    if collation.startswith("uca1400") and charset:
        return charset, f"{charset}_{collation}"
    return charset_of(collation) or charset, collation


def is_case_sensitive(collation: str) -> bool:
    """Whether a collation tells upper from lower case."""
    return collation == "binary" or collation.endswith(("_bin", "_cs", "_as_cs", "_nopad_bin"))


def bytes_per_character(charset: str | None) -> int:
    """Return the most bytes one character takes."""
    return BYTES_PER_CHARACTER.get(charset_name(charset) or "", 1)
