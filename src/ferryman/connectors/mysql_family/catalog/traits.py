"""Reads what one must know of a server to read and write its DDL."""

from __future__ import annotations

from ferryman.connectors.mysql_family.catalog.collations import charset_name, collation_name
from ferryman.connectors.mysql_family.connection import Connection
from ferryman.model.schema import ServerTraits

_VARIABLES = ("lower_case_table_names", "collation_server", "explicit_defaults_for_timestamp")


def read_traits(connection: Connection) -> ServerTraits:
    """Read flavour, version, collations and the variables that change the meaning of DDL."""
    variables = _read_variables(connection)
    collations: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for name, charset, _number, is_default, *_rest in connection.query("SHOW COLLATION"):
        collations[str(collation_name(str(name)))] = str(charset_name(str(charset)) if charset else "")
        if str(is_default).lower() == "yes" and charset:
            defaults[str(charset_name(str(charset)))] = str(collation_name(str(name)))
    return ServerTraits(
        flavour=connection.server.flavor,
        version=connection.server.version,
        lower_case_names=int(variables.get("lower_case_table_names") or 0),
        collations=collations,
        default_collations=defaults,
        collation=collation_name(variables.get("collation_server")),
        explicit_timestamps=variables.get("explicit_defaults_for_timestamp", "ON").upper() in {"ON", "1"},
    )


def _read_variables(connection: Connection) -> dict[str, str]:
    names = ", ".join(f"'{name}'" for name in _VARIABLES)
    rows = connection.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    return {str(name).lower(): str(value) for name, value, *_rest in rows}
