"""From a column as declared to the column the server makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.connectors.mysql_family.catalog.collations import charset_of, full_collation
from ferryman.connectors.mysql_family.catalog.defaults import (
    binary_default,
    expression_default,
    hex_bytes,
    literal_default,
    now_text,
    stripped,
)
from ferryman.connectors.mysql_family.catalog.typemap import TypeWords, column_type, quoted_name
from ferryman.connectors.mysql_family.ddl.nodes import ColumnNode, DefaultNode
from ferryman.connectors.mysql_family.ddl.tokens import TokenKind, tokenize
from ferryman.model.schema import Column, Default, DefaultKind, Generated, ServerTraits
from ferryman.model.types import ColumnType, Kind

NOW = Default(kind=DefaultKind.EXPRESSION, text="current_timestamp")
ZERO = Default(kind=DefaultKind.LITERAL, text="0000-00-00 00:00:00")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a declaration leaves to the table and the server."""

    charset: str | None
    collation: str | None
    traits: ServerTraits
    has_timestamp: bool = False


def type_of(words: TypeWords, around: Surroundings) -> ColumnType:
    """Return the type with its character set: the one named, else the table's."""
    charset, collation = words.charset, words.collation
    if charset is None and collation is None:
        charset, collation = around.charset, around.collation
    elif charset is None:
        charset, collation = full_collation(charset_of(collation) or around.charset, collation, around.traits)
    else:
        charset, collation = full_collation(charset, collation, around.traits)
    if words.binary and charset and charset != "binary":
        collation = f"{charset}_bin"
    return column_type(words, charset, collation)


def column_of(node: ColumnNode, around: Surroundings) -> Column:
    """Return the column the server makes of a declaration."""
    type_ = type_of(node.type, around)
    generated = node.generated
    if generated is not None:
        generated = Generated(expression=stripped(generated.expression), stored=generated.stored)
    nullable = node.nullable if node.nullable is not None else True
    default = default_of(node.default, type_) if generated is None else None
    on_update = now_text(node.on_update) if node.on_update else None
    if type_.kind is Kind.TIMESTAMP and node.nullable is None and not around.traits.explicit_timestamps:
        nullable = False
        if node.default is None and on_update is None and generated is None:
            default, on_update = (ZERO, None) if around.has_timestamp else (NOW, NOW.text)
    return Column(
        name=node.name,
        type=type_,
        nullable=nullable and not node.auto_increment,
        default=default,
        auto_increment=node.auto_increment,
        on_update=on_update,
        generated=generated,
        invisible=node.invisible,
        comment=node.comment,
    )


def default_of(node: DefaultNode | None, type_: ColumnType) -> Default | None:
    """Return the default a declaration means; NULL is none."""
    if node is None or (node.literal is None and node.expression is None):
        return None
    if node.literal is not None:
        return literal_default(type_, node.literal)
    raw = hex_bytes(node.expression or "")
    return binary_default(type_, raw) if raw is not None else expression_default(node.expression or "")


def with_names(expression: str, old: str, new: str) -> str:
    """Return an expression in which a column has its new name."""
    out, end = [], 0
    for token in tokenize(expression):
        if token.kind in {TokenKind.NAME, TokenKind.WORD} and token.text.casefold() == old.casefold():
            out.append(expression[end : token.start] + quoted_name(new))
            end = token.end
    return "".join(out) + expression[end:]
