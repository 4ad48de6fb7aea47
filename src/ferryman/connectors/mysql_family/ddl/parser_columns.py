"""Parses what stands between a table's parentheses: columns, indexes, foreign keys, checks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ferryman.connectors.mysql_family.catalog.typemap import TypeWords
from ferryman.connectors.mysql_family.ddl.nodes import (
    CheckNode,
    ColumnNode,
    DefaultNode,
    ForeignKeyNode,
    IndexNode,
)
from ferryman.connectors.mysql_family.ddl.parser_cursor import Cursor
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind
from ferryman.model.schema import Generated, IndexKind, KeyPart, ReferenceAction

_LONG_NAMES = (
    ("DOUBLE", "PRECISION"), ("NATIONAL", "CHARACTER", "VARYING"), ("NATIONAL", "CHAR", "VARYING"),
    ("NATIONAL", "CHARACTER"), ("NATIONAL", "CHAR"), ("NATIONAL", "VARCHARACTER"), ("NATIONAL", "VARCHAR"),
    ("NCHAR", "VARCHARACTER"), ("NCHAR", "VARCHAR"), ("NCHAR", "VARYING"), ("CHARACTER", "VARYING"),
    ("CHAR", "VARYING"), ("CHAR", "BYTE"), ("LONG", "CHARACTER", "VARYING"), ("LONG", "CHAR", "VARYING"),
    ("LONG", "VARCHARACTER"), ("LONG", "VARCHAR"), ("LONG", "VARBINARY"),
)  # fmt: skip
_NOW_WORDS = frozenset({"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"})


@dataclass(slots=True)
class Definitions:
    """What a list of definitions held, in order."""

    columns: list[ColumnNode] = field(default_factory=list)
    indexes: list[IndexNode] = field(default_factory=list)
    foreign_keys: list[ForeignKeyNode] = field(default_factory=list)
    checks: list[CheckNode] = field(default_factory=list)
    period: bool = False


def parse_definition(cursor: Cursor, into: Definitions) -> None:
    """Parse one definition: a column, an index or a constraint."""
    if cursor.words("PERIOD", "FOR"):
        cursor.skip_until_comma()
        into.period = True
    elif starts_constraint(cursor):
        parse_constraint(cursor, into)
    else:
        into.columns.append(parse_column(cursor))


def starts_constraint(cursor: Cursor) -> bool:
    """Whether an index or a constraint is ahead, not a column of such a name."""
    word, following = cursor.word, cursor.ahead(1)
    if word == "CONSTRAINT":
        return True
    if word in {"PRIMARY", "FOREIGN"}:
        return following.word == "KEY"
    if word == "CHECK":
        return following.text == "("
    return word in {"UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL"}


def parse_constraint(cursor: Cursor, into: Definitions) -> None:
    """Parse ``[CONSTRAINT [name]] PRIMARY KEY | UNIQUE | FOREIGN KEY | CHECK | KEY …``."""
    name = _constraint_name(cursor)
    if cursor.words("FOREIGN", "KEY"):
        into.foreign_keys.append(_parse_foreign_key(cursor, name))
    elif cursor.words("CHECK"):
        into.checks.append(_parse_check(cursor, name))
    else:
        into.indexes.append(parse_index(cursor, name))


def _constraint_name(cursor: Cursor) -> str | None:
    if not cursor.words("CONSTRAINT"):
        return None
    cursor.words("IF", "NOT", "EXISTS")
    if cursor.word in {"PRIMARY", "FOREIGN", "UNIQUE", "CHECK"}:
        return None
    return cursor.identifier()


def parse_index(cursor: Cursor, constraint: str | None = None) -> IndexNode:
    """Parse an index from its first keyword on."""
    primary = cursor.words("PRIMARY")
    unique = cursor.words("UNIQUE")
    kind = {"FULLTEXT": IndexKind.FULLTEXT, "SPATIAL": IndexKind.SPATIAL}.get(cursor.word, IndexKind.BTREE)
    cursor.any_word("FULLTEXT", "SPATIAL")
    cursor.any_word("KEY", "INDEX")
    cursor.words("IF", "NOT", "EXISTS")
    name = None if cursor.is_mark("(") or cursor.sees("USING") else cursor.identifier()
    node = IndexNode(name=name or constraint, parts=(), primary=primary, unique=unique, kind=kind)
    return finish_index(cursor, node)


def finish_index(cursor: Cursor, node: IndexNode) -> IndexNode:
    """Parse an index's parts and options."""
    _index_type(cursor)
    node = replace(node, parts=cursor.in_parentheses(lambda: _parse_key_part(cursor)))
    return _parse_index_options(cursor, node)


def _index_type(cursor: Cursor) -> bool:
    found = bool(cursor.any_word("USING", "TYPE"))
    if found:
        cursor.identifier()
    return found


def _parse_key_part(cursor: Cursor) -> KeyPart:
    if cursor.is_mark("("):
        part = KeyPart(column=None, expression=cursor.parenthesised())
    else:
        name = cursor.column_name()
        prefix = int(cursor.parenthesised()) if cursor.is_mark("(") else None
        part = KeyPart(column=name, prefix=prefix)
    order = cursor.any_word("ASC", "DESC")
    return replace(part, descending=order == "DESC")


def _parse_index_options(cursor: Cursor, node: IndexNode) -> IndexNode:
    while True:
        if cursor.words("COMMENT"):
            cursor.mark("=")
            node = replace(node, comment=cursor.string())
        elif cursor.any_word("INVISIBLE", "IGNORED"):
            node = replace(node, invisible=True)
        elif cursor.words("NOT", "IGNORED") or cursor.any_word("VISIBLE", "LOCAL", "GLOBAL"):
            node = replace(node, invisible=False)
        elif cursor.any_word("USING", "TYPE") or cursor.words("WITH", "PARSER"):
            cursor.identifier()
        elif not _skip_assignment(cursor, _INDEX_OPTIONS):
            return node


_INDEX_OPTIONS = frozenset(
    {
        "KEY_BLOCK_SIZE",
        "BLOCK_SIZE",
        "PARSER_PROPERTIES",
        "ENGINE_ATTRIBUTE",
        "SECONDARY_ENGINE_ATTRIBUTE",
        "CLUSTERING",
    }
)


def _skip_assignment(cursor: Cursor, words: frozenset[str]) -> bool:
    if cursor.word not in words:
        return False
    cursor.take()
    cursor.mark("=")
    if cursor.is_mark("("):
        cursor.parenthesised()
    else:
        cursor.take()
    return True


def _parse_foreign_key(cursor: Cursor, name: str | None) -> ForeignKeyNode:
    cursor.words("IF", "NOT", "EXISTS")
    index = None if cursor.is_mark("(") else cursor.identifier()
    columns = cursor.in_parentheses(cursor.column_name)
    return _parse_references(cursor, name or index, columns)


def _parse_references(cursor: Cursor, name: str | None, columns: tuple[str, ...]) -> ForeignKeyNode:
    cursor.expect_words("REFERENCES")
    parent = cursor.table_name()
    parent_columns = cursor.in_parentheses(cursor.column_name) if cursor.is_mark("(") else ()
    node = ForeignKeyNode(name=name, columns=columns, parent=parent, parent_columns=parent_columns)
    while True:
        if cursor.words("MATCH"):
            cursor.take()
        elif cursor.words("ON", "DELETE"):
            node = replace(node, on_delete=_action(cursor))
        elif cursor.sees("ON", "UPDATE") and cursor.ahead(2).word not in _NOW_WORDS:
            cursor.expect_words("ON", "UPDATE")
            node = replace(node, on_update=_action(cursor))
        else:
            return node


def _action(cursor: Cursor) -> ReferenceAction:
    for action in ReferenceAction:
        if cursor.words(*action.value.split()):
            return action
    raise cursor.error("RESTRICT, CASCADE, SET NULL, NO ACTION or SET DEFAULT")


def _parse_check(cursor: Cursor, name: str | None) -> CheckNode:
    node = CheckNode(name=name, expression=cursor.parenthesised())
    if cursor.words("NOT", "ENFORCED"):
        return replace(node, enforced=False)
    cursor.words("ENFORCED")
    return node


def parse_column(cursor: Cursor) -> ColumnNode:
    """Parse a column from its name on."""
    name = cursor.column_name()
    return parse_column_body(cursor, name)


def parse_column_body(cursor: Cursor, name: str) -> ColumnNode:
    """Parse a column from its type on."""
    node = ColumnNode(name=name, type=parse_type(cursor))
    if node.type.name == "serial":
        key = IndexNode(name=None, parts=(KeyPart(column=name),), unique=True)
        node = replace(node, nullable=False, auto_increment=True, keys=(key,))
    while (following := _parse_attribute(cursor, node)) is not None:
        node = following
    return node


def parse_type(cursor: Cursor) -> TypeWords:
    """Parse a data type with all its attributes."""
    words = TypeWords(name=_type_name(cursor))
    if cursor.is_mark("("):
        if words.name in {"enum", "set"}:
            words = replace(words, values=cursor.in_parentheses(cursor.string))
        else:
            words = replace(words, args=cursor.in_parentheses(cursor.number))
    if words.name.startswith(("national", "nchar", "nvarchar")):
        words = replace(words, charset="utf8mb3")
    while (following := _parse_type_attribute(cursor, words)) is not None:
        words = following
    return words


def _type_name(cursor: Cursor) -> str:
    for name in _LONG_NAMES:
        if cursor.words(*name):
            return " ".join(name).lower()
    return cursor.identifier().lower()


def _parse_type_attribute(cursor: Cursor, words: TypeWords) -> TypeWords | None:
    if cursor.words("UNSIGNED"):
        return replace(words, unsigned=True)
    if cursor.words("SIGNED") or cursor.words("COMPRESSED"):
        return words
    if cursor.words("ZEROFILL"):
        return replace(words, zerofill=True)
    if cursor.words("BINARY"):
        return replace(words, binary=True)
    if short := cursor.any_word("ASCII", "UNICODE", "BYTE"):
        return replace(words, charset={"ASCII": "latin1", "UNICODE": "ucs2", "BYTE": "binary"}[short])
    if cursor.words("CHARACTER", "SET") or cursor.words("CHARSET") or cursor.words("CHAR", "SET"):
        cursor.mark("=")
        return replace(words, charset=_option_text(cursor))
    if cursor.words("COLLATE"):
        cursor.mark("=")
        return replace(words, collation=_option_text(cursor))
    if cursor.words("SRID") or cursor.words("REF_SYSTEM_ID"):
        cursor.mark("=")
        cursor.number()
        return words
    return None


def _option_text(cursor: Cursor) -> str:
    return cursor.string() if cursor.token.kind is TokenKind.STRING else cursor.identifier()


def _parse_attribute(cursor: Cursor, node: ColumnNode) -> ColumnNode | None:
    for parse in (_parse_null_or_default, _parse_key, _parse_generated, _parse_note):
        if (following := parse(cursor, node)) is not None:
            return following
    words = _parse_type_attribute(cursor, node.type)
    return replace(node, type=words) if words is not None else None


def _parse_null_or_default(cursor: Cursor, node: ColumnNode) -> ColumnNode | None:
    if cursor.words("NOT", "NULL"):
        return replace(node, nullable=False)
    if cursor.words("NULL"):
        return replace(node, nullable=True)
    if cursor.words("DEFAULT"):
        return replace(node, default=parse_default(cursor))
    if cursor.words("ON", "UPDATE"):
        return replace(node, on_update=_expression(cursor))
    if cursor.words("AUTO_INCREMENT"):
        return replace(node, auto_increment=True)
    return None


def parse_default(cursor: Cursor) -> DefaultNode:
    """Parse what follows DEFAULT."""
    start = cursor.token.start
    node = _parse_default(cursor)
    return replace(node, span=(start, cursor.ahead(-1).end))


def _parse_default(cursor: Cursor) -> DefaultNode:
    token = cursor.token
    if cursor.words("NULL"):
        return DefaultNode()
    if cursor.is_mark("("):
        return DefaultNode(expression=f"({cursor.parenthesised()})")
    if token.kind is TokenKind.STRING:
        return DefaultNode(literal=cursor.string())
    if word := cursor.any_word("TRUE", "FALSE"):
        return DefaultNode(literal="1" if word == "TRUE" else "0")
    if sign := next((sign for sign in "+-" if cursor.mark(sign)), ""):
        return DefaultNode(literal=sign.strip("+") + cursor.take().text)
    if token.kind is TokenKind.NUMBER:
        return DefaultNode(literal=cursor.take().text)
    if token.kind is TokenKind.BITS:
        return DefaultNode(literal=str(int(cursor.take().text or "0", 2)))
    if token.kind is TokenKind.HEX:
        return _hex_default(cursor.take().text)
    if token.word in {"DATE", "TIME", "TIMESTAMP"} and cursor.ahead(1).kind is TokenKind.STRING:
        cursor.take()
        return DefaultNode(literal=cursor.string())
    return DefaultNode(expression=_expression(cursor))


def _hex_default(digits: str) -> DefaultNode:
    raw = bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))
    try:
        return DefaultNode(literal=raw.decode())
    except UnicodeDecodeError:
        return DefaultNode(expression=f"x'{raw.hex()}'")


def _expression(cursor: Cursor) -> str:
    """Read a function call or a bare word (``CURRENT_TIMESTAMP``, ``uuid()``)."""
    start = cursor.token.start
    end = cursor.take().end
    while cursor.mark("."):
        end = cursor.take().end
    if cursor.is_mark("("):
        cursor.parenthesised()
        end = cursor.ahead(-1).end
    return cursor.sql[start:end]


def _parse_key(cursor: Cursor, node: ColumnNode) -> ColumnNode | None:
    part = (KeyPart(column=node.name),)
    if cursor.words("UNIQUE"):
        cursor.words("KEY")
        return replace(node, keys=(*node.keys, IndexNode(name=None, parts=part, unique=True)))
    if cursor.words("PRIMARY", "KEY") or cursor.words("PRIMARY") or cursor.words("KEY"):
        return replace(node, keys=(*node.keys, IndexNode(name="PRIMARY", parts=part, primary=True)))
    if cursor.sees("REFERENCES"):
        return replace(node, references=_parse_references(cursor, None, (node.name,)))
    if cursor.sees("CONSTRAINT") or cursor.sees("CHECK"):
        name = _constraint_name(cursor)
        if cursor.sees("REFERENCES"):
            return replace(node, references=_parse_references(cursor, name, (node.name,)))
        if not cursor.words("CHECK"):
            return node if name is None else None
        return replace(node, checks=(*node.checks, _parse_check(cursor, name)))
    return None


def _parse_generated(cursor: Cursor, node: ColumnNode) -> ColumnNode | None:
    if cursor.words("GENERATED", "ALWAYS", "AS", "ROW") or cursor.words("GENERATED", "AS", "ROW"):
        cursor.take()
        return replace(node, invisible=True)
    cursor.words("GENERATED", "ALWAYS")
    if cursor.words("AS"):
        return replace(node, generated=Generated(expression=cursor.parenthesised(), stored=False))
    if cursor.any_word("STORED", "PERSISTENT"):
        return replace(node, generated=Generated(expression=_generated_text(node), stored=True))
    return node if cursor.words("VIRTUAL") else None


def _generated_text(node: ColumnNode) -> str:
    return node.generated.expression if node.generated is not None else ""


def _parse_note(cursor: Cursor, node: ColumnNode) -> ColumnNode | None:
    if cursor.words("COMMENT"):
        cursor.mark("=")
        return replace(node, comment=cursor.string())
    if cursor.words("INVISIBLE"):
        return replace(node, invisible=True)
    if cursor.words("VISIBLE") or cursor.words("WITHOUT", "SYSTEM", "VERSIONING"):
        return node
    if cursor.words("WITH", "SYSTEM", "VERSIONING"):
        return node
    if cursor.any_word("COLUMN_FORMAT", "STORAGE"):
        cursor.take()
        return node
    return node if _skip_assignment(cursor, frozenset({"ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"})) else None
