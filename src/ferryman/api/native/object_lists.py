"""Lists of objects as OMS's console keeps them: CSV of source, destination, column mapping and row filter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from ferryman.api.native.documents import Model
from ferryman.control.views import ProjectView
from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.selection import Selection, exact_pattern, split_name, unquoted

COLUMNS = (
    "source database",
    "source table",
    "destination database",
    "destination table",
    "column mapping",
    "row filter",
)
MOST_LINES = 100_000
_WILD = frozenset("*?")


class ObjectList(Model):
    """Objects as a project takes them."""

    objects: list[str]
    rename: dict[str, str]
    where: dict[str, str]
    tables: int = Field(description="How many objects the list names.")


@dataclass(frozen=True, slots=True)
class Line:
    """One object: its name on both sides, and which of its rows."""

    source: TableName
    target: TableName
    where: str = ""


def list_of(project: ProjectView) -> list[Line]:
    """Return the objects of a project: those its selection names one by one.

    Raises:
        UsageError: ``project.invalid`` for a project that goes by patterns: which objects these are changes with time.
    """
    selection = project.spec.selection
    names = [_exact_name(pattern) for pattern in selection.objects]
    if not names or any(name is None for name in names):
        raise UsageError(
            "project.invalid",
            f"project {project.spec.name} names its objects by patterns, which are no list",
            hint="export the project as YAML, which keeps patterns",
        )
    return [_line(selection, name) for name in names if name is not None and selection.includes(name)]


def write_list(lines: list[Line]) -> str:
    """Write the CSV; with a byte order mark, so that spreadsheets read it as UTF-8."""
    place = io.StringIO()
    writer = csv.writer(place)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(
            [line.source.database, line.source.table, line.target.database, line.target.table, "", line.where]
        )
    return "\ufeff" + place.getvalue()


def read_list(text: str) -> ObjectList:
    """Read the CSV; a heading is passed over, an empty destination is the name of the source.

    Raises:
        UsageError: ``api.wrong_parameter`` names the line; ``api.not_supported`` for a column mapping.
    """
    lines = list(_lines(text))
    if not lines:
        raise UsageError("api.wrong_parameter", "the list names no object")
    if len({line.source for line in lines}) != len(lines):
        raise UsageError("api.wrong_parameter", "the list names an object twice")
    return ObjectList(
        objects=[exact_pattern(line.source) for line in lines],
        rename={exact_pattern(each.source): exact_pattern(each.target) for each in lines if each.source != each.target},
        where={str(line.source): line.where for line in lines if line.where},
        tables=len(lines),
    )


def _lines(text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            if number > MOST_LINES:
                raise UsageError("api.wrong_parameter", f"the list has more than {MOST_LINES} lines")
            if any(cell.strip() for cell in cells) and not (number == 1 and _is_heading(cells)):
                yield _read(number, cells)
    except csv.Error as error:
        raise UsageError("api.wrong_parameter", f"line {reader.line_num} is no CSV: {error}") from None


def _is_heading(cells: list[str]) -> bool:
    return [cell.strip().lower() for cell in cells[:2]] == list(COLUMNS[:2])


def _read(number: int, cells: list[str]) -> Line:
    if not 2 <= len(cells) <= len(COLUMNS):
        raise UsageError("api.wrong_parameter", f"line {number} has {len(cells)} columns, not 2 to {len(COLUMNS)}")
    database, table, new_database, new_table, columns, where = [
        cell.strip() for cell in [*cells, *[""] * (len(COLUMNS) - len(cells))]
    ]
    if not database or not table:
        raise UsageError("api.wrong_parameter", f"line {number} names no source database and table")
    if columns:
        raise UsageError("api.not_supported", f"line {number} maps columns", hint="leave the column mapping empty")
    return Line(TableName(database, table), TableName(new_database or database, new_table or table), where)


def _line(selection: Selection, name: TableName) -> Line:
    return Line(name, selection.target_name(name), selection.where.get(str(name), ""))


def _exact_name(pattern: str) -> TableName | None:
    database, table = split_name(pattern)
    parts = [(part, unquoted(part)) for part in (database, table)]
    if any(not plain or (part == plain and _WILD & set(part)) for part, plain in parts):
        return None
    return TableName(parts[0][1], parts[1][1])
