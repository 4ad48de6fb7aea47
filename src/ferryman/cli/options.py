"""From options of the command line to endpoints, selections and projects."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Sequence
from typing import Any

from ferryman.foundation.errors import UsageError
from ferryman.model.project import LEAST_LOG_BYTES, ConflictPolicy, Endpoint, SpeedMode, StopWhen
from ferryman.model.rules import ColumnRules
from ferryman.model.selection import unquoted
from ferryman.spi.url import format_url, parse_url

HASH_KEY_VARIABLE = "FERRYMAN_HASH_KEY"
SIZE_UNITS = ("b", "kib", "mib", "gib", "tib")
STOP_WHEN = tuple(member.value for member in StopWhen)


def endpoint(option: str, url: str, password_variable: str) -> Endpoint:
    """Read an endpoint; a password that the URL lacks comes from an environment variable.

    Raises:
        UsageError: ``usage.bad_url``.
    """
    try:
        found = parse_url(url)
    except UsageError as error:
        raise UsageError(error.code, f"{option}: {error.message}", hint=error.hint) from None
    password = os.environ.get(password_variable)
    if found.password or password is None:
        return found
    return dataclasses.replace(found, password=password)


def patterns(values: Sequence[str] | None) -> tuple[str, ...]:
    """Split each value at commas outside backticks: ``--objects 'a.*,b.*'`` is the same as naming both."""
    parts = [part.strip() for value in values or () for part in split_outside_backticks(value, ",")]
    if not all(parts):
        raise UsageError("usage.wrong_option", "an object pattern is empty", hint="write database.table or database.*")
    return tuple(dict.fromkeys(parts))


def renames(values: Sequence[str] | None) -> dict[str, str]:
    """Read ``old=new``, databases or tables."""
    found: dict[str, str] = {}
    for value in values or ():
        old, *rest = split_outside_backticks(value, "=")
        new = "=".join(rest).strip()
        if not old.strip() or not new or ("." in old) != ("." in new and _parts(new) > 1):
            raise UsageError(
                "usage.wrong_option",
                f"--map {value!r} cannot be read",
                hint="write old=new for databases, or old.table=new.table for tables",
            )
        found[_plain(old.strip())] = _plain(new)
    return found


def filters(values: Sequence[str] | None) -> dict[str, str]:
    """Read ``database.table:condition``."""
    hint = "write database.table:condition, for example 'shop.orders:id > 1000'"
    return dict(_of_table("--where", value, hint) for value in values or ())


def column_rules(
    columns: Sequence[str] | None,
    leave_out: Sequence[str] | None,
    transforms: Sequence[str] | None,
    added: Sequence[str] | None,
) -> dict[str, ColumnRules]:
    """Read what shall become of columns: by table, what the four options say."""
    found: dict[str, ColumnRules] = {}
    for member, option, values in (("keep", "--columns", columns), ("leave_out", "--leave-out", leave_out)):
        for value in values or ():
            table, text = _of_table(option, value, "write database.table:column,column")
            rules = found.get(table, ColumnRules())
            names = tuple(unquoted(part.strip()) for part in split_outside_backticks(text, ","))
            more: dict[str, Any] = {member: (*getattr(rules, member), *names)}
            found[table] = dataclasses.replace(rules, **more)
    for member, option, values in (("transforms", "--transform", transforms), ("add", "--add-column", added)):
        for value in values or ():
            table, text = _of_table(option, value, "write database.table:column=value")
            rules = found.get(table, ColumnRules())
            name, *rest = split_outside_backticks(text, "=")
            if not name.strip() or not rest:
                hint = "write database.table:column=value"
                raise UsageError("usage.wrong_option", f"{option} {value!r} cannot be read", hint=hint)
            new = {unquoted(name.strip()): "=".join(rest).strip()}
            found[table] = dataclasses.replace(rules, **{member: getattr(rules, member) | new})
    return found


def _of_table(option: str, value: str, hint: str) -> tuple[str, str]:
    """Read ``database.table:text``."""
    table, *rest = split_outside_backticks(value, ":")
    text = ":".join(rest).strip()
    if not text or _parts(table) < 2:
        raise UsageError("usage.wrong_option", f"{option} {value!r} cannot be read", hint=hint)
    return _plain(table.strip()), text


def types(value: str) -> tuple[str, ...]:
    """Read ``schema,full,…``."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def stop_when(value: str) -> StopWhen:
    """Read ``caught-up`` or ``never``."""
    if value not in STOP_WHEN:
        raise UsageError("usage.wrong_option", f"--stop-when {value!r} is none of {', '.join(STOP_WHEN)}")
    return StopWhen(value)


def speed(value: str) -> SpeedMode:
    """Read a speed mode."""
    known = [mode.value for mode in SpeedMode]
    if value not in known:
        raise UsageError("usage.wrong_option", f"--speed {value!r} is none of {', '.join(known)}")
    return SpeedMode(value)


def conflicts(values: Sequence[str] | None) -> tuple[ConflictPolicy, dict[str, ConflictPolicy]]:
    """Read ``policy`` (for all tables) and ``database.table=policy``."""
    known = {policy.value: policy for policy in ConflictPolicy}
    general, found = ConflictPolicy.STOP, {}
    for value in values or ():
        *table, policy = split_outside_backticks(value, "=")
        if policy not in known or len(table) > 1 or (table and _parts(table[0]) != 2):
            hint = f"write one of {', '.join(known)}, or database.table=POLICY"
            raise UsageError("usage.wrong_option", f"--conflicts {value!r} cannot be read", hint=hint)
        if table:
            found[_plain(table[0].strip())] = known[policy]
        else:
            general = known[policy]
    return general, found


def log_bytes(text: str) -> int:
    """Read the size of a log store: a number of bytes, ``MiB``, ``GiB`` and so on."""
    found = re.fullmatch(r"(\d{1,15})\s*(B|KiB|MiB|GiB|TiB)?", text.strip(), re.IGNORECASE)
    value = int(found[1]) << (10 * SIZE_UNITS.index((found[2] or "b").lower())) if found else -1
    if not LEAST_LOG_BYTES <= value <= 1 << 53:
        hint = "write a size of 64MiB or more, as 512MiB, 20GiB or 1TiB"
        raise UsageError("usage.wrong_option", f"--log-kept-bytes {text!r} is no such size", hint=hint)
    return value


def default_name(source: Endpoint, target: Endpoint) -> str:
    """Return the name of a project that was given none: the same for the same source and target."""
    identity = repr([(e.scheme, e.host, e.port, e.database, e.options.get("unix_socket")) for e in (source, target)])
    short = hashlib.sha256(identity.encode()).hexdigest()[:6]
    words = f"{source.database or source.host}-to-{target.database or target.host}"
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in words)
    return f"{plain[:50]}-{short}"


def split_outside_backticks(text: str, mark: str) -> list[str]:
    """Split at a character, leaving what stands in backticks whole."""
    parts, inside = [""], False
    for char in text:
        inside ^= char == "`"
        if char == mark and not inside:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def check_name(name: str) -> str:
    """Refuse a name that OMS's interface could not show."""
    if not name or len(name) > 64 or any(char.isspace() for char in name):
        raise UsageError("usage.wrong_option", f"--name {name!r} must have 1 to 64 characters and no blanks")
    return name


def _parts(name: str) -> int:
    return len(split_outside_backticks(name, "."))


def _plain(name: str) -> str:
    """Take the backticks off the parts of a name."""
    return ".".join(unquoted(part) for part in split_outside_backticks(name, "."))


def full_url(option: str, text: str, password_variable: str) -> str:
    """Return a URL with its password, for the service; the id of an endpoint stays as it is."""
    return text if text.startswith("e_") else format_url(endpoint(option, text, password_variable), password=True)
