"""Names of database objects. Quoting belongs to the dialects, never here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table (or view) in a database, both exactly as the server spells them."""

    database: str
    table: str

    @property
    def lowered(self) -> TableName:
        """The name as a server sees it that does not tell upper from lower case."""
        return TableName(self.database.lower(), self.table.lower())

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"
