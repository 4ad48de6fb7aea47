"""Settled differences, written out for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferryman.kernel import row_digests
from ferryman.model.batch import Batch, Row, Value
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.types import BYTES_KINDS, Kind
from ferryman.pipeline.verify.correction import Quote, corrections_of
from ferryman.pipeline.verify.differences import samples
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers, lookup_size
from ferryman.pipeline.verify.settling import Settled

MOST_SHOWN = 256
"""Characters of a value shown; keys are shown whole."""


def text_of(value: Value, kind: Kind, *, whole: bool = False) -> str | None:
    """Return a value as text: bytes as ``0x…``, long ones cut."""
    if value is None:
        return None
    text = "0x" + value.hex().upper() if kind in BYTES_KINDS else value.decode("utf-8", "backslashreplace")
    return text if whole or len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(value)} bytes)"


class Details:
    """Makes the records of one pair."""

    def __init__(self, readers: Readers, pair: Pair, quote: Quote) -> None:
        self._readers = readers
        self._pair = pair
        self._corrections = corrections_of(pair, quote)

    def of_keys(self, settled: Settled) -> Iterator[Mismatch]:
        """Yield one record a row; both rows are read once more, and one that has moved since becomes `moving`."""
        keys = [key for key in settled.different if isinstance(key, tuple)]
        size = lookup_size(self._pair.source)
        for start in range(0, len(keys), size):
            part = keys[start : start + size]
            source, target = self._rows(part, True), self._rows(part, False)
            for key in part:
                yield from self._of_key(key, source.get(key), target.get(key), settled)

    def _rows(self, keys: Sequence[Row], source: bool) -> dict[Row, tuple[int, Row]]:
        wanted = set(keys)
        found: dict[Row, tuple[int, Row]] = {}
        for batch in self._readers.rows(self._pair, keys, source):
            rows = zip(self._pair.keys(batch), self._pair.digests(batch), batch.rows(), strict=True)
            found.update({key: (digest, row) for key, digest, row in rows if key in wanted})
        return found

    def _of_key(
        self, key: Row, source: tuple[int, Row] | None, target: tuple[int, Row] | None, settled: Settled
    ) -> Iterator[Mismatch]:
        digests = (source[0] if source else None, target[0] if target else None)
        if digests != settled.different[key]:
            if digests[0] != digests[1]:
                settled.moving.add(key)
            return
        if target is None and source is not None:
            yield self._record(MismatchKind.MASTER_ONLY, key, source[1], None, self._corrections.write(source[1]))
        elif source is None and target is not None:
            yield self._record(MismatchKind.IMAGE_ONLY, key, None, target[1], self._corrections.delete_key(key))
        elif source is not None and target is not None:
            correction = self._corrections.write(source[1])
            yield self._record(MismatchKind.MISMATCHED, key, source[1], target[1], correction)

    def _record(
        self, kind: MismatchKind, key: Row, source: Row | None, target: Row | None, correction: str
    ) -> Mismatch:
        shown = self._differing(source, target) if source and target else self._beside_key()
        return Mismatch(
            table=self._pair.name,
            kind=kind,
            key=self._shown_key(key),
            source=self._shown(source, shown),
            target=self._shown(target, shown),
            correction=correction,
        )

    def _beside_key(self) -> list[int]:
        return [index for index in range(len(self._pair.kinds)) if index not in self._pair.key]

    def _differing(self, source: Row, target: Row) -> list[int]:
        return [
            index
            for index, kind in enumerate(self._pair.kinds)
            if source[index] != target[index] and not _equal_json(source[index], target[index], kind)
        ]

    def _shown_key(self, key: Row) -> dict[str, str | None]:
        names, kinds = self._pair.source.columns, self._pair.kinds
        pairs = zip(self._pair.key, key, strict=True)
        return {names[index]: text_of(value, kinds[index], whole=True) for index, value in pairs}

    def _shown(self, row: Row | None, indexes: Sequence[int]) -> dict[str, str | None]:
        if row is None:
            return {}
        names, kinds = self._pair.source.columns, self._pair.kinds
        return {names[index]: text_of(row[index], kinds[index]) for index in indexes}

    def of_digests(self, settled: Settled) -> Iterator[Mismatch]:
        """Yield one record for each kind of row of a table without a key."""
        digests = {digest for digest in settled.different if isinstance(digest, int)}
        shown = samples(self._readers, self._pair, digests) if digests else {}
        for digest in digests:
            mine, theirs = settled.different[digest]
            yield self._of_digest(digest, shown.get(digest), (mine or 0) - (theirs or 0))

    def _of_digest(self, digest: int, row: Row | None, missing: int) -> Mismatch:
        return Mismatch(
            table=self._pair.name,
            kind=MismatchKind.MASTER_ONLY if missing > 0 else MismatchKind.IMAGE_ONLY,
            key={"(digest)": f"{digest:032x}"} if row is None else self._whole(row),
            source={},
            target={},
            count=abs(missing),
            correction="" if row is None else self._correction(row, missing),
        )

    def _whole(self, row: Row) -> dict[str, str | None]:
        columns = zip(self._pair.source.columns, row, self._pair.kinds, strict=True)
        return {name: text_of(value, kind, whole=True) for name, value, kind in columns}

    def _correction(self, row: Row, missing: int) -> str:
        if missing > 0:
            return self._corrections.write(row, verb="INSERT", count=missing)
        return self._corrections.delete_rows(row, -missing)


def _equal_json(one: Value, two: Value, kind: Kind) -> bool:
    if kind is not Kind.JSON or one is None or two is None:
        return False
    first, second = row_digests(Batch.of([(one,), (two,)], 1), [Kind.JSON])
    return first == second
