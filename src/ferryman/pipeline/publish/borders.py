"""Where transactions begin and end, as records among the messages (`PublishOptions.transactions`).

Whoever reads one partition finds there, for each transaction that changes something in it, a BEGIN before the first of its
messages and a COMMIT behind the last. A partition that a transaction does not touch hears nothing of it. A transaction
larger than a window is published in parts: it has begun in some partitions then, and the checkpoint keeps which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ferryman.pipeline.publish.routing import Router
from ferryman.spi.sink import Messages, Origin

Place = tuple[str, int]
"""Topic and partition."""


class Borders:
    """The transaction that is being published.

    Attributes:
        begun: Where it has begun.
    """

    def __init__(self, begun: Iterable[Place]) -> None:
        """Go on amid a transaction that has begun there."""
        self.begun = dict.fromkeys(begun)
        self._transaction = ""

    def around(self, router: Router, messages: Messages, origin: Origin) -> Iterator[Messages]:
        """Yield messages of the transaction, behind a BEGIN where they are its first.

        `origin` is theirs, with a sequence number before theirs.
        """
        self._transaction = origin.transaction
        new = [(messages.topic, partition) for partition in dict.fromkeys(messages.partitions)]
        new = [place for place in new if place not in self.begun]
        if new:
            self.begun |= dict.fromkeys(new)
            yield router.border(messages.topic, [partition for _, partition in new], origin, begins=True)
        yield messages

    def end(self, router: Router, origin: Origin) -> Iterator[Messages]:
        """Yield a COMMIT for each partition in which the transaction has begun; it is over then."""
        topics: dict[str, list[int]] = {}
        for topic, partition in self.begun:
            topics.setdefault(topic, []).append(partition)
        self.begun.clear()
        for topic, partitions in topics.items():
            sequence, transaction = router.next_sequence(origin.seconds), origin.transaction or self._transaction
            numbered = replace(origin, sequence=sequence, transaction=transaction)
            yield router.border(topic, partitions, numbered, begins=False)
