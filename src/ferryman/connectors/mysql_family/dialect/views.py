"""Views at the target: their definitions in the target's names, in an order that makes what they need first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ferryman.connectors.mysql_family.ddl.tokens import Token, TokenKind, tokenize
from ferryman.connectors.mysql_family.ddl.writer import full_name, names_list
from ferryman.model.names import TableName
from ferryman.model.schema import View


def view_sql(view: View, name: TableName, rename: Callable[[TableName], TableName | None]) -> str:
    """Write CREATE OR REPLACE VIEW; `rename` gives the target's name of a source object, `None` for no such object."""
    columns = f" {names_list(view.columns)}" if view.columns else ""
    return f"CREATE OR REPLACE VIEW {full_name(name)}{columns} AS {renamed(view.definition, rename)}"


def renamed(definition: str, rename: Callable[[TableName], TableName | None]) -> str:
    """Replace every ``database.table`` of a definition that the server has written out in full."""
    out, end = [], 0
    for start, stop, name in _qualified(definition):
        new = rename(name)
        if new is not None and new != name:
            out.append(definition[end:start] + full_name(new))
            end = stop
    return "".join(out) + definition[end:]


def _qualified(definition: str) -> list[tuple[int, int, TableName]]:
    tokens = tokenize(definition)
    found, place = [], 0
    while place + 2 < len(tokens):
        first, dot, second = tokens[place : place + 3]
        if _is_name(first) and dot.text == "." and _is_name(second):
            found.append((first.start, second.end, TableName(first.text, second.text)))
            place += 5 if place + 4 < len(tokens) and tokens[place + 3].text == "." else 3
        else:
            place += 1
    return found


def _is_name(token: Token) -> bool:
    return token.kind is TokenKind.NAME


def in_order(views: Iterable[View]) -> list[View]:
    """Sort views so that each stands behind those it uses; a circle (impossible in a server) keeps its order."""
    waiting = {view.name: view for view in views}
    out: list[View] = []
    while waiting:
        ready = [view for view in waiting.values() if not _uses(view) & (set(waiting) - {view.name})]
        for view in ready or list(waiting.values()):
            out.append(view)
            del waiting[view.name]
    return out


def _uses(view: View) -> set[TableName]:
    return {name for _, _, name in _qualified(view.definition)}
