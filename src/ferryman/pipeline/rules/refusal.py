"""Refusals: rules that cannot be kept exactly, by code and place."""

from __future__ import annotations

from ferryman.foundation.errors import UsageError


def refused(what: str) -> UsageError:
    """Make the error for a filter that would not mean the same here and at the source."""
    return UsageError("rules.filter_refused", what)


def column_refused(table: object, column: str, why: str) -> UsageError:
    """Make the error for a rule of a column that cannot be kept."""
    return UsageError(
        "rules.column_refused",
        f"the rule for column {column} of {table}: {why}",
        context={"table": str(table), "column": column},
    )


def column_missing(table: object, column: str) -> UsageError:
    """Make the error for a rule of a column that is not there."""
    return UsageError(
        "rules.column_missing",
        f"a rule of {table} names the column {column}, which the table does not have",
        context={"table": str(table), "column": column},
    )
