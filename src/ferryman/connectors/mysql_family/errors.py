"""Errors of the MySQL family where they enter: one table from the server's error number to our code.

Sources: MariaDB ``sql/share/errmsg-utf8.txt``, MySQL ``errmsg-utf8.txt``, OceanBase ``src/share/ob_errno.h`` (numbers
from 4000 on are OceanBase's own), client numbers 2000.. from ``errmsg.h``.
"""

from __future__ import annotations

import re

import pymysql.err

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError, Retry

DUPLICATE_KEY = frozenset({1022, 1062, 1169, 1557, 1586, 1859})
VALUE_REFUSED = frozenset(
    {1048, 1210, 1263, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1416, 1425, 1441, 1525, 1526, 1690, 1748}
    | {3140, 3141, 3156, 3819, 3903, 4025, 4078, 5167, 5600}
)
"""A value does not fit its column: range, length, encoding, NULL, JSON, geometry, CHECK, partition."""
RETRYABLE = frozenset(
    {1205, 1213, 1290, 1412, 1637, 1836, 3058, 3572}
    | {4012, 4023, 4038, 4121, 4138, 4225, 4263, 4273, 4725, 5066}
    | {6001, 6002, 6003, 6004, 6005, 6006, 6210, 6211, 6212, 6213, 6220, 6223, 6224, 6225, 6235}
)
"""The transaction is gone (or the statement was refused) through no fault of its own: again from its beginning."""
FULL = frozenset({3, 28, 1021, 1037, 1041, 1114, 1206, 1534, 1878, 4013, 4019, 4030, 4184, 4264, 4265})
"""Disk, table space or memory is used up at the server."""
PACKET = frozenset({1153, 1162, 1301, 2020, 4389})
ACCESS_DENIED = frozenset({1045, 1130, 1251, 1275, 1396, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 3159, 4151})
PRIVILEGE = frozenset({1044, 1142, 1143, 1227, 1370, 1410, 1419, 5036})
UNKNOWN_DATABASE = frozenset({1049})
TABLE_CHANGED = frozenset({1051, 1054, 1109, 1136, 1146, 1147, 1176, 1932, 5019})
CONNECTION_LOST = frozenset({1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 1969, 2006, 2013, 2055, 3169})
BUSY = frozenset({1040, 1129, 1135, 1203, 1226, 4031})
"""No further connection now."""

_GROUPS: tuple[tuple[frozenset[int], str], ...] = (
    (DUPLICATE_KEY, "target.duplicate_key"),
    (VALUE_REFUSED, "target.value_refused"),
    (RETRYABLE, "target.deadlock"),
    (FULL, "target.full"),
    (PACKET, "target.packet_too_large"),
    (ACCESS_DENIED, "endpoint.access_denied"),
    (PRIVILEGE, "target.privilege"),
    (UNKNOWN_DATABASE, "endpoint.unknown_database"),
    (TABLE_CHANGED, "target.table_changed"),
    (CONNECTION_LOST, "endpoint.connection_lost"),
    (BUSY, "endpoint.unreachable"),
)
CODE_OF: dict[int, str] = {errno: code for group, code in _GROUPS for errno in group}
"""Error number → code; a number that is not here is ``endpoint.query_failed``."""

_SOURCE_CODES = {"target.table_changed": "source.table_changed", "target.privilege": "source.privilege"}
"""What a reader calls them; other ``target.…`` codes are ``endpoint.query_failed`` there."""

_NAME_BEFORE = re.compile(
    r"\b(?:column|key|table|tables|database|schema|variable|index|constraint|function|view|user|procedure|field|charset"
    r"|set|collation|engine|by|\$\w+) \Z",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"(?:(?<=\W)|^)['\"`]")
_TAIL = re.compile(r" for (?:key|column|function) (?:'[^']*'|(?:`[^`]*`\.?)+)(?: at row \d+)?\Z")
_COLUMN = re.compile(r"column '([^']+)'|column `(?:[^`]*`\.`){0,2}([^`]+)`", re.IGNORECASE)


def errno_of(error: BaseException) -> int:
    """Return the server's (or client's) error number, 0 when there is none."""
    number = error.args[0] if error.args else 0
    return abs(number) if isinstance(number, int) else 0


def text_of(error: BaseException) -> str:
    """Return the server's message as it stands; it may hold row values."""
    return (str(error.args[1]) if len(error.args) > 1 else str(error)) or "the connection is closed"


def without_values(text: str) -> str:
    """Return a server's message without what it quotes, but for names of tables, columns, keys and the like.

    Values may hold quotes themselves, so everything from the first quoted value on goes, but for a last ``for key 'k'``.
    """
    text = text.split(" near '", 1)[0]
    tail = _TAIL.search(text)
    body = text[: tail.start()] if tail else text
    start = 0
    while (quote := _QUOTE.search(body, start)) is not None:
        if quote[0] != "`" and _NAME_BEFORE.search(body, 0, quote.start()) is None:
            return f"{body[: quote.start()]}'…'{tail[0] if tail else ''}"
        closing = body.find(quote[0], quote.end())
        start = closing + 1 if closing >= 0 else len(body)
    return text


def column_of(text: str) -> str | None:
    """Return the column a server's message names, or `None`."""
    found = _COLUMN.search(text)
    return (found[1] or found[2]) if found else None


def convert(error: BaseException, *, where: str, role: str = "source", table: str = "") -> FerrymanError:
    """Turn a driver's exception into ours.

    Args:
        error: What PyMySQL (or the socket) raised.
        where: The endpoint as text, without its password.
        role: ``target`` for writers; readers (``source``) have codes of their own.
        table: The table concerned, when known.
    """
    errno = errno_of(error)
    code = CODE_OF.get(errno, "endpoint.query_failed")
    if errno == 0 and isinstance(error, pymysql.err.InterfaceError | pymysql.err.InternalError | OSError):
        code = "endpoint.connection_lost"
    if role != "target" and code.startswith("target."):
        code = _SOURCE_CODES.get(code, "endpoint.query_failed")
    return _build(code, errno, text_of(error), where, table)


def convert_connect(error: BaseException, *, where: str) -> FerrymanError:
    """Turn what happened while connecting into ours: anything not understood means unreachable."""
    errno = errno_of(error)
    code = CODE_OF.get(errno, "endpoint.unreachable")
    if code == "target.privilege":
        code = "endpoint.access_denied"
    if not code.startswith("endpoint.") or code == "endpoint.connection_lost":
        code = "endpoint.unreachable"
    text = text_of(error)
    message = f"cannot connect to {where}: {text}" + (f" (error {errno})" if errno else "")
    return FerrymanError(code, message, retry=Retry.AUTO if errno in BUSY else None, context={"errno": errno})


def _build(code: str, errno: int, text: str, where: str, table: str) -> FerrymanError:
    context: dict[str, object] = {"errno": errno, "table": table}
    at = f"{table} at {where}" if table else where
    if code == "target.value_refused":
        column = column_of(text)
        context["column"] = column
        at = f"column {column!r} of {at}" if column else at
    message = f"{at}: {without_values(text)} (error {errno})"
    kind = DuplicateKeyError if code == "target.duplicate_key" else FerrymanError
    retry = Retry.AUTO if errno in RETRYABLE else None
    return kind(code, message, hint=_hint(errno), retry=retry, context=context)


def _hint(errno: int) -> str:
    if errno in PACKET:
        return "raise max_allowed_packet at the server (SET GLOBAL max_allowed_packet=268435456), then resume"
    if errno in {4013, 4030}:
        return "give the tenant more memory (or wait for its merge to end), then resume"
    return ""
