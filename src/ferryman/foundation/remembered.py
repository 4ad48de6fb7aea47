"""What is made of objects, found again by the objects themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Made = TypeVar("_Made")
MOST = 2_000
"""So much is remembered; then it begins anew."""


class Remembered(Generic[_Made]):
    """Makes something of immutable objects once, as long as the very same objects come.

    A table's columns are hundreds of values; to hash them takes longer than most that is made of them, while those who read
    a log hand over the same tuple with each of its records. Threads may share it: at worst one makes the same again.
    """

    def __init__(self, make: Callable[..., _Made]) -> None:
        """Remember what `make` returns for its arguments."""
        self._make = make
        self._known: dict[tuple[int, ...], tuple[tuple[Any, ...], _Made]] = {}

    def of(self, *objects: Any) -> _Made:
        """Return what is made of these objects; they are held, so that no other can come to be at their place."""
        place = tuple(map(id, objects))
        found = self._known.get(place)
        if found is None:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[place] = objects, self._make(*objects)
        return found[1]
