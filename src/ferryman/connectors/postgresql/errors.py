"""Errors of PostgreSQL where they enter: one table from SQLSTATE to our code.

Source: PostgreSQL, appendix A "Error Codes". A message of the server may hold row values; ours never do.
"""

from __future__ import annotations

import re

import psycopg

from ferryman.foundation.errors import DuplicateKeyError, FerrymanError, Retry

DUPLICATE_KEY = frozenset({"23505", "23P01"})
RETRYABLE = frozenset({"40001", "40P01", "55P03", "40003"})
"""The transaction is gone (or the statement was refused) through no fault of its own: again from its beginning."""
BUSY = frozenset({"53300", "57P03"})
"""No further connection now."""
MISSING = frozenset({"42P01", "3F000"})
"""A table or schema that is not there."""
NO_PRIVILEGE = "42501"

_CODES: dict[str, str] = {
    **dict.fromkeys(DUPLICATE_KEY, "target.duplicate_key"),
    **dict.fromkeys(RETRYABLE, "target.deadlock"),
    **dict.fromkeys(("23502", "23503", "23514", "54000", "428C9", "42804"), "target.value_refused"),
    **dict.fromkeys(("53100", "53200", "53000", "53400"), "target.full"),
    **dict.fromkeys(("28000", "28P01"), "endpoint.access_denied"),
    **dict.fromkeys(("42501", "25006"), "target.privilege"),
    **dict.fromkeys(("42P01", "42703", "3F000", "42704"), "target.table_changed"),
    **dict.fromkeys(("57P01", "57P02", "57P05", "25P03", "57014"), "endpoint.connection_lost"),
    **dict.fromkeys(BUSY, "endpoint.unreachable"),
    "3D000": "endpoint.unknown_database",
}
_CLASSES = {"22": "target.value_refused", "08": "endpoint.connection_lost", "58": "target.full"}
_SOURCE_CODES = {"target.table_changed": "source.table_changed", "target.privilege": "source.privilege"}
"""What a reader calls them; other ``target.…`` codes are ``endpoint.query_failed`` there."""

_NAMED = re.compile(
    r"\b(?:column|relation|table|constraint|schema|type|encoding|index|role|user|database|function|extension|parameter"
    r"|sequence|operator|collation|publication|slot|partition|of|file|attribute|view|key) \Z",
    re.IGNORECASE,
)
_CONTEXT_COLUMN = re.compile(r"^COPY .*, column ([^:]+?)(?::|$)", re.MULTILINE)
NUL_HINT = "PostgreSQL text cannot hold the character NUL (U+0000): remove it at the source, or leave the table out"
_NUL = ("0x00", "\\u0000")


def code_of(sqlstate: str | None) -> str:
    """Return our code for a SQLSTATE; one that is not known is ``endpoint.query_failed``."""
    if sqlstate is None:
        return "endpoint.connection_lost"
    return _CODES.get(sqlstate) or _CLASSES.get(sqlstate[:2], "endpoint.query_failed")


def without_values(text: str) -> str:
    """Return a server's message without what it quotes, but for names of tables, columns, types and the like."""
    out, place = [], 0
    while (start := text.find('"', place)) >= 0:
        end = text.find('"', start + 1)
        end = len(text) - 1 if end < 0 else end
        named = _NAMED.search(text, 0, start) is not None
        out.append(text[place:start] + (text[start : end + 1] if named else '"…"'))
        if not named:  # a value may hold quotes itself: nothing behind it can be told apart
            return "".join(out)
        place = end + 1
    return "".join(out) + text[place:]


def column_of(diagnostic: psycopg.errors.Diagnostic) -> str | None:
    """Return the column a server's message names, or `None`."""
    if diagnostic.column_name:
        return diagnostic.column_name
    found = _CONTEXT_COLUMN.search(diagnostic.context or "")
    return found[1] if found else None


def convert(error: psycopg.Error, *, where: str, role: str = "source", table: str = "") -> FerrymanError:
    """Turn a driver's exception into ours.

    Args:
        error: What psycopg raised.
        where: The endpoint as text, without its password.
        role: ``target`` for writers; readers (``source``) have codes of their own.
        table: The table concerned, when known.
    """
    code = code_of(error.sqlstate)
    if error.sqlstate is None and isinstance(error, psycopg.DataError | psycopg.ProgrammingError):
        code = "internal.error"
    if role != "target" and code.startswith("target."):
        code = _SOURCE_CODES.get(code, "endpoint.query_failed")
    return _build(code, error, where, table)


def convert_connect(error: psycopg.Error, *, where: str) -> FerrymanError:
    """Turn what happened while connecting into ours; libpq gives no SQLSTATE there, only the server's words."""
    text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    code = _connect_code(text)
    busy = "too many" in text or "starting up" in text or "reserved for" in text
    message = f"cannot connect to {where}: {_last_words(text)}"
    return FerrymanError(code, message, retry=Retry.AUTO if busy else None)


def _connect_code(text: str) -> str:
    if "database" in text and "does not exist" in text:
        return "endpoint.unknown_database"
    denied = ("password", "authentication", "no pg_hba.conf entry", "role ", "permission denied")
    if any(words in text for words in denied):
        return "endpoint.access_denied"
    return "endpoint.unreachable"


def _last_words(text: str) -> str:
    """Return what the server (or the network) said, without libpq's list of what it tried."""
    for mark in ("FATAL: ", "failed: "):
        if mark in text:
            return text.rsplit(mark, 1)[1].strip()
    return text


def _build(code: str, error: psycopg.Error, where: str, table: str) -> FerrymanError:
    state = error.sqlstate or ""
    context: dict[str, object] = {"sqlstate": state, "table": table}
    at = f"{table} at {where}" if table else where
    if code == "target.value_refused":
        column = column_of(error.diag)
        context["column"] = column
        at = f"column {column!r} of {at}" if column else at
    message = f"{at}: {without_values(_text(error))}" + (f" (SQLSTATE {state})" if state else "")
    kind = DuplicateKeyError if code == "target.duplicate_key" else FerrymanError
    retry = Retry.AUTO if state in RETRYABLE | BUSY else None
    return kind(code, message, hint=_hint(error), retry=retry, context=context)


def _text(error: psycopg.Error) -> str:
    return (
        error.diag.message_primary or str(error).splitlines()[0].strip() if str(error) else "the connection is closed"
    )


def _hint(error: psycopg.Error) -> str:
    primary = f"{error.diag.message_primary or ''} {error.diag.message_detail or ''}"
    if error.sqlstate in {"22021", "22P05"} and any(mark in primary for mark in _NUL):
        return NUL_HINT
    if error.sqlstate in {"22007", "22008"}:
        return "PostgreSQL has no zero dates: give the source's rows a date or NULL, or leave the table out (--exclude)"
    return ""
