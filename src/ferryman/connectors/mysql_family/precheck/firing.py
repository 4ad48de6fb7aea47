"""What acts by itself at a target of the MySQL family: no session can switch its triggers and events off.

Rows arrive as the source has them, with what its own triggers did: a trigger of the target would do it once more. This is
asked of the old source, too, before an application goes over and its changes flow back.
"""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.precheck.items import Look, listed, passed, refused, warned
from ferryman.connectors.mysql_family.precheck.privileges import missing, read_grants
from ferryman.model.names import TableName
from ferryman.spi.precheck import CheckResult

_TRIGGERS = (
    "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS"
    " WHERE EVENT_OBJECT_SCHEMA = %s ORDER BY 1, 2, 3"
)
_EVENTS = (
    "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS"
    " WHERE EVENT_SCHEMA = %s AND STATUS = 'ENABLED' ORDER BY 1, 2"
)


def check_triggers(look: Look, tables: Sequence[TableName]) -> list[CheckResult]:
    """Refuse tables with triggers; one that we may not see is told of."""
    databases = list(dict.fromkeys(name.database for name in tables))
    rows = [row for name in databases for row in look.connection.query(_TRIGGERS, [name])]
    found = [(str(row[0]), str(row[1]), str(row[2])) for row in rows if TableName(str(row[0]), str(row[1])) in tables]
    if found:
        names = [f"{name} of {database}.{table}" for database, table, name in found]
        fixes = [f"DROP TRIGGER {quoted_name(database)}.{quoted_name(name)}" for database, _, name in found]
        return refused(
            f"{len(found)} triggers would act on rows that are written: {listed(names)}",
            "rows come with what triggers of the other side did: drop these (keep their text), or go on if they change nothing",
            "; ".join(fixes),
            skippable=True,
        )
    grants = read_grants(look.connection) if databases else None
    blind = [name for name in databases if grants is not None and missing(grants, ["TRIGGER"], name)]
    if blind:
        return warned(
            f"triggers in {listed(blind)} are not shown to us", "look for them: SHOW TRIGGERS, or GRANT TRIGGER"
        )
    return passed()


def check_events(look: Look, databases: Sequence[str]) -> list[CheckResult]:
    """Refuse databases with events that run."""
    if look.variables("event_scheduler").get("event_scheduler", "OFF").upper() not in {"ON", "1"}:
        return passed()
    rows = [row for name in dict.fromkeys(databases) for row in look.connection.query(_EVENTS, [name])]
    if not rows:
        return passed()
    fixes = [f"ALTER EVENT {quoted_name(str(row[0]))}.{quoted_name(str(row[1]))} DISABLE" for row in rows]
    return refused(
        f"{len(rows)} events run by themselves: {listed([f'{row[0]}.{row[1]}' for row in rows])}",
        "what they write is not at the other side: disable them, or go on if they change none of the tables",
        "; ".join(fixes),
        skippable=True,
    )
