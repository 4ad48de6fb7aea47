"""Conflict groups: keys that may hold the same unique value belong together (I4)."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.pipeline.apply.compaction import TableChanges
from ferryman.pipeline.apply.folding import WILD

_ANY = (WILD,)
_BUNDLE = 64
"""Independent keys are spread over lanes so many at a time."""

CurrentValues = Mapping[Row | None, Sequence[Row]]


class Groups:
    """Union-find over numbers ``0..count-1``."""

    def __init__(self, count: int) -> None:
        """Begin with every number alone."""
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """Return the group's representative."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def unite(self, one: int, other: int) -> None:
        """Make one group of two."""
        self._parent[self.find(one)] = self.find(other)


def conflict_groups(changes: TableChanges, current: CurrentValues) -> Iterator[list[Row]]:
    """Group the keys of one table.

    Two keys share a group when a unique value of the one, before the run, after it, or in the target now, may equal
    one of the other. Keys that are independent of each other come many to a group: a group is what stays together.

    Args:
        changes: The table's net changes.
        current: Row key, folded → `Shape.unique` values of such rows in the target now, where these may differ from
            both images (before the project is consistent).
    """
    keys = list(changes.after)
    if changes.shape.row_key.exact and not changes.shape.uniques:
        return (keys[start : start + _BUNDLE] for start in range(0, len(keys), _BUNDLE))
    groups = Groups(len(keys))
    _unite_equal(groups, _row_key_values(changes, keys))
    for number, _ in enumerate(changes.shape.uniques):
        _unite_equal(groups, _unique_values(changes, keys, current, number))
    members: dict[int, list[Row]] = {}
    for place, key in enumerate(keys):
        members.setdefault(groups.find(place), []).append(key)
    return _bundled(members.values())


def _bundled(groups: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Put small groups together, so that spreading them costs little."""
    bundle: list[Row] = []
    for group in groups:
        bundle.extend(group)
        if len(bundle) >= _BUNDLE:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


class Spread:
    """Spreads groups over lanes, each to the lane with the fewest keys so far."""

    def __init__(self, lanes: int) -> None:
        """Begin with empty lanes."""
        self._lanes: list[dict[TableName, tuple[TableChanges, list[Row]]]] = [{} for _ in range(lanes)]
        self._loads = [(0, lane) for lane in range(lanes)]

    def add(self, changes: TableChanges, group: list[Row]) -> None:
        """Give a group of one table's keys to a lane."""
        load, lane = self._loads[0]
        heapq.heapreplace(self._loads, (load + len(group), lane))
        _, keys = self._lanes[lane].setdefault(changes.shape.source.name, (changes, []))
        keys.extend(group)

    def lanes(self) -> list[list[tuple[TableChanges, list[Row]]]]:
        """Return, for each lane that has work, the keys of each table."""
        return [list(lane.values()) for lane in self._lanes if lane]


def _row_key_values(changes: TableChanges, keys: list[Row]) -> Iterable[tuple[int, Hashable]]:
    row_key = changes.shape.row_key
    if row_key.exact:
        return ()
    return ((place, row_key.value(key)) for place, key in enumerate(keys))


def _unique_values(
    changes: TableChanges, keys: list[Row], current: CurrentValues, number: int
) -> Iterator[tuple[int, Hashable]]:
    unique = changes.shape.uniques[number]
    for place, key in enumerate(keys):
        old = changes.before[key]
        if old is not None:
            yield place, unique.value(old)
        if changes.after[key] is not None:
            yield place, unique.value(changes.unique_after[key])
        if current:
            for values in current.get(changes.shape.row_key.value(key), ()):
                yield place, unique.value(values)


def _unite_equal(groups: Groups, values: Iterable[tuple[int, Hashable]]) -> None:
    """Unite the places that share a value; one value that may equal any other unites them all."""
    holder: dict[Hashable, int] = {}
    for place, value in values:
        if value is not None and (first := holder.setdefault(value, place)) != place:
            groups.unite(place, first)
    if _ANY in holder:
        wild = holder[_ANY]
        for place in holder.values():
            groups.unite(place, wild)
