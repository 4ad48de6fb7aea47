"""What every message says of its row: key, place in the log, sequence."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.foundation.remembered import Remembered
from ferryman.kernel import JsonForm
from ferryman.model.schema import Column, Table
from ferryman.model.types import BYTES_KINDS
from ferryman.serializers.values import key_text, quote
from ferryman.serializers.weaving import Piece, Woven, woven
from ferryman.spi.sink import Origin, RowEvent

SEPARATOR = "\x01"
"""Between the parts of a key of several columns."""


def key_places(event: RowEvent) -> list[int]:
    """Return where the key's columns are in the images; empty without a key."""
    return _PLACES.of(event.table, event.columns)


def places_in(table: Table, columns: Sequence[Column]) -> list[int]:
    """Return where the columns of a table's key are among some columns; empty without a key, or without all of it."""
    key = table.row_key
    names = {column.name.casefold(): place for place, column in enumerate(columns)}
    wanted = [name.casefold() for name in key.columns] if key is not None else []
    return [names[name] for name in wanted] if all(name in names for name in wanted) else []


_PLACES = Remembered(places_in)


def key_columns(event: RowEvent) -> list[Column]:
    """Return the columns of the key."""
    return [event.columns[place] for place in key_places(event)]


def key_names(event: RowEvent) -> str | None:
    """Return the key's columns as OMS writes them; `None` without a key."""
    columns = key_columns(event)
    return SEPARATOR.join(column.name for column in columns) if columns else None


def key_values(event: RowEvent) -> list[bytes]:
    """Return the key of each row as JSON text; ``null`` without a key. The row as it is counts, else as it was."""
    return woven([key_piece(event)]).texts(event.row_count)


def key_piece(event: RowEvent) -> Piece:
    """Return the key of each row, to be woven into a message."""
    places = key_places(event)
    image = event.after if event.after is not None else event.before
    if not places or image is None:
        return b"null"
    kinds = [event.columns[place].type for place in places]
    if len(places) == 1 and kinds[0].kind not in BYTES_KINDS:
        return Woven((b"", b""), (image.columns[places[0]],), (JsonForm.STRING,))
    columns = [image.columns[place].values() for place in places]
    rows = zip(*columns, strict=True)
    return [quote(SEPARATOR.join(key_text(v, k).decode() for v, k in zip(row, kinds, strict=True))) for row in rows]


def identities(event: RowEvent) -> Piece:
    """Return a text for each row that names its change for good; ``null`` for rows of the load."""
    if event.origin.position is None:
        return b"null"
    place = quote(f"{place_text(event.origin)}:").replace(b"%", b"%%")[:-1] + b'%d"'
    return [place % ordinal for ordinal in event.ordinals or range(event.row_count)]


def place_text(origin: Origin) -> str | None:
    """Return the place in the log as text: numbers of its order, joined by colons."""
    return None if origin.position is None else ":".join(map(str, origin.position.order))


def border_text(origin: Origin, *, begins: bool) -> str:
    """Return what names the begin or the end of a transaction in one partition for good."""
    return f"{place_text(origin)}:{'begin' if begins else 'commit'}"


def sequences(event: RowEvent) -> Piece:
    """Return the growing number of each row; ``null`` for rows of the load."""
    if event.origin.position is None:
        return b"null"
    return [b"%d" % number for number in event.sequences or range(event.row_count)]


def transaction(origin: Origin) -> str | None:
    """Return what names the transaction, in the source's words (a GTID, a number, a window); else the place."""
    if origin.position is None:
        return None
    return origin.transaction or str(origin.position)


def joined(names: Sequence[str]) -> bytes:
    """Return a JSON array of strings."""
    return b"[" + b",".join(map(quote, names)) + b"]"
