"""Names and numbers that formats give to types."""

from __future__ import annotations

from ferryman.model.types import BYTES_KINDS, ColumnType, Kind

_BY_KIND = {
    Kind.DECIMAL: "DECIMAL",
    Kind.FLOAT: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.DATETIME: "DATETIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.YEAR: "INT",
    Kind.BIT: "BLOB",
}
_BY_BITS = {8: "TINYINT", 16: "SMALLINT", 24: "INT", 32: "INT", 64: "INT64"}

_JDBC = {
    "TINYINT": -6,
    "SMALLINT": 5,
    "INT": 4,
    "INT64": -5,
    "BIGINT": -5,
    "FLOAT": 6,
    "DOUBLE": 8,
    "DECIMAL": 3,
    "VARCHAR": 12,
    "BLOB": 2004,
    "DATE": 91,
    "TIME": 92,
    "DATETIME": 93,
    "TIMESTAMP": 93,
}


def light_type(kind: ColumnType) -> str:
    """Return OMS's own type name: ``INT64`` up to 64 bits with a sign, ``BIGINT`` for what needs more."""
    if kind.kind is Kind.INTEGER:
        return "BIGINT" if kind.unsigned and kind.bits == 64 else _BY_BITS.get(kind.bits, "INT64")
    if kind.kind in BYTES_KINDS:
        return "BLOB"
    return _BY_KIND.get(kind.kind, "VARCHAR")


def jdbc_type(kind: ColumnType) -> int:
    """Return the number of ``java.sql.Types``."""
    return _JDBC[light_type(kind)]
