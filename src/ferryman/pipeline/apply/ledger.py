"""What cascades touched while rows were being loaded, as it is remembered until it has been read again (`settling`)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.serial import from_json, to_json

NOTE = "apply.unsettled"
MOST_VALUES = 200_000

Place = tuple[TableName, tuple[str, ...]]
Values = dict[Place, set[Row]]


@dataclass(slots=True)
class Ledger:
    """What has to be read again.

    Attributes:
        moved: Table and columns → values these columns had or got by ON UPDATE actions.
        orphans: Table and columns of foreign keys whose rows may have lost their parents.
        reread: The values read again in the round before; `None` in the first round: then every value matters.
        since: From where on the target is consistent, if later than the load's end.
        whole: Tables, by their names at the checkpoint, of which all rows are read again.
    """

    moved: Values = field(default_factory=dict)
    orphans: set[Place] = field(default_factory=set)
    reread: Values | None = None
    since: Position | None = None
    whole: set[TableName] = field(default_factory=set)

    def to_document(self) -> dict[str, Any]:
        """Return the note's document."""
        return {
            "moved": _from_values(self.moved),
            "orphans": [[name.database, name.table, list(columns)] for name, columns in sorted(self.orphans)],
            "reread": _from_values(self.reread) if self.reread is not None else None,
            "since": to_json(self.since) if self.since is not None else None,
            "whole": [_pair(name) for name in sorted(self.whole)],
        }

    @classmethod
    def begun(cls, document: Any, reread: Any) -> Ledger:
        """Read the note's document; as long as there is none, begin with the tables that the load says so of."""
        return cls.of(document) if document is not None else cls(whole={TableName(*name) for name in reread or ()})

    @classmethod
    def of(cls, document: Any) -> Ledger:
        """Read the note's document."""
        if not document:
            return cls()
        return cls(
            moved=_to_values(document["moved"]),
            orphans={(TableName(database, table), tuple(columns)) for database, table, columns in document["orphans"]},
            reread=_to_values(document["reread"]) if document["reread"] is not None else None,
            since=from_json(Position, document["since"]) if document["since"] else None,
            whole={TableName(*name) for name in document["whole"]},
        )


def _pair(name: TableName) -> list[str]:
    return [name.database, name.table]


def _from_values(values: Values) -> list[Any]:
    return [
        [name.database, name.table, list(columns), [[_text(part) for part in row] for row in rows]]
        for (name, columns), rows in values.items()
    ]


def _text(part: bytes | None) -> str | None:
    return base64.b64encode(part).decode() if part is not None else None


def _to_values(document: list[Any]) -> Values:
    return {
        (TableName(database, table), tuple(columns)): {
            tuple(base64.b64decode(part) if part is not None else None for part in row) for row in rows
        }
        for database, table, columns, rows in document
    }
