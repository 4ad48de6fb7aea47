"""Rules for the columns of one table: which of them move, what becomes of their values, what is added."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What a user asks for; `pipeline.rules` makes it work on rows.

    Attributes:
        keep: The columns that move; empty means all. Columns that the source gets later are not among them.
        leave_out: Columns that stay, out of those of `keep`.
        transforms: Column → ``mask(FIRST,LAST)``, ``hash``, ``null`` or ``constant(VALUE)``.
        add: Column that the source does not have → its value: text with ``{database}`` and ``{table}`` (the source's
            names) in it, or a whole number.
    """

    keep: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    transforms: dict[str, str] = field(default_factory=dict)
    add: dict[str, str] = field(default_factory=dict)
