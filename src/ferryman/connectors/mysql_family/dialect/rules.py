"""What a server of the family takes, as data: the rules by which a dialect converts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ferryman.model.schema import ServerTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a target takes.

    Attributes:
        name: The product, for messages.
        collations: Collation → its character set; empty takes every one.
        folds_names: Whether two names that differ in case only are one table.
        engine: The storage engine to name; empty names none.
        largest_scale: Most digits after the point of a DECIMAL.
        index_bytes: Longest index.
        text_defaults: Whether TEXT, BLOB, JSON and GEOMETRY may have a default.
        prefix_primary: Whether a primary key may hold a prefix of a column.
        descending: Whether an index keeps its DESC.
        linear_partitions: Whether ``LINEAR HASH`` and ``LINEAR KEY`` are known.
        chained_generated: Whether a generated column may use another one.
        address_types: Whether UUID, INET4 and INET6 are known.
        unique_check_names: Whether a CHECK's name belongs to the database rather than to the table.
        one_action: Whether each action of ALTER TABLE goes in a statement of its own.
        joins_indexes: Whether one statement makes several indexes of a table in one pass over its rows; else each has its
            own, and they run beside each other.
        defers_indexes: Whether making them behind the rows is the sooner way, unless the user has said how.
    """

    name: str
    collations: dict[str, str] = field(default_factory=dict)
    folds_names: bool = False
    engine: str = ""
    largest_scale: int = 30
    index_bytes: int = 3072
    text_defaults: bool = False
    prefix_primary: bool = True
    descending: bool = True
    linear_partitions: bool = True
    chained_generated: bool = True
    address_types: bool = False
    unique_check_names: bool = True
    one_action: bool = False
    joins_indexes: bool = True
    defers_indexes: bool = True

    def fitted(self, traits: ServerTraits) -> Rules:
        """Return the rules of the very server."""
        mariadb = traits.flavour == "mariadb"
        rules = replace(
            self,
            collations=dict(traits.collations) or self.collations,
            folds_names=traits.lower_case_names != 0,
            defers_indexes=self.defers_indexes and traits.flavour != "tidb",
        )
        if not mariadb:
            return rules
        return replace(
            rules, name="MariaDB", address_types=True, largest_scale=38, text_defaults=True, unique_check_names=False
        )
