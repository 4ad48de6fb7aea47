"""Calls with an ``Idempotency-Key``: made once, answered as often as they are sent, for a day.

A call that has begun and not ended (the service died, or it is under way) is not made again: nobody knows what of it was
done. A failure of the service itself is forgotten, so that the same key may try again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError
from ferryman.metadb import repeats
from ferryman.metadb.store import MetaDb

KEEP_SECONDS = 86_400.0
KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Repeats:
    """The calls of a service. Thread-safe. Answers are sealed: one of them is the text of an API key."""

    def __init__(self, metadb: MetaDb) -> None:
        self._metadb = metadb

    def begin(self, account: str, key: str, request: bytes) -> tuple[str, Answer | None]:
        """Return the call's mark, and the answer when it was made before.

        Raises:
            UsageError: ``api.key_reused`` for another request under the same key, ``api.key_in_use`` for one whose
                outcome is not known, ``api.wrong_parameter`` for a key that is none.
        """
        if not key or len(key) > KEY_LENGTH or not key.isprintable():
            raise UsageError("api.wrong_parameter", f"Idempotency-Key has 1 to {KEY_LENGTH} visible characters")
        mark, asked = _digest(f"{account}\n{key}".encode()), _digest(request)
        with self._metadb.writing() as tx:
            found = repeats.begin(tx, mark, asked, unix_now(), KEEP_SECONDS)
        if found is None:
            return mark, None
        if found.request != asked:
            raise UsageError("api.key_reused", "the Idempotency-Key was sent with another request before")
        if not found.answer:
            raise UsageError(
                "api.key_in_use", "a call with this Idempotency-Key has begun, and its outcome is not known"
            )
        return mark, _opened(self._metadb.box.open(found.answer))

    def end(self, mark: str, answer: Answer) -> None:
        """Keep the answer of a call; that of a failing service is forgotten."""
        with self._metadb.writing() as tx:
            if answer.status >= 500:
                repeats.forget(tx, mark)
            else:
                repeats.end(tx, mark, self._metadb.box.seal(_text(answer)))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(answer: Answer) -> str:
    return json.dumps([answer.status, answer.headers, base64.b64encode(answer.body).decode()])


def _opened(text: str) -> Answer:
    status, headers, body = json.loads(text)
    return Answer(status, tuple((name, value) for name, value in headers), base64.b64decode(body))
