"""Calls that may be sent twice: their keys, what they asked for, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.metadb.database import Transaction


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """One call; `answer` is sealed, and empty until the call has ended."""

    request: str
    answer: str


def begin(tx: Transaction, digest: str, request: str, now: float, keep_seconds: float) -> RepeatRow | None:
    """Keep a call that begins; returns the one of that key that is there already. Those that are too old go."""
    tx.execute("DELETE FROM repeated_call WHERE created_at < :border", border=now - keep_seconds)
    row = tx.row("SELECT request, answer FROM repeated_call WHERE digest = :digest", digest=digest)
    if row is not None:
        return RepeatRow(row["request"], row["answer"])
    tx.execute(
        "INSERT INTO repeated_call (digest, request, answer, created_at) VALUES (:digest, :request, '', :now)",
        digest=digest,
        request=request,
        now=now,
    )
    return None


def end(tx: Transaction, digest: str, answer: str) -> None:
    """Keep what was answered."""
    tx.execute("UPDATE repeated_call SET answer = :answer WHERE digest = :digest", digest=digest, answer=answer)


def forget(tx: Transaction, digest: str) -> None:
    """Forget a call: it may be made again."""
    tx.execute("DELETE FROM repeated_call WHERE digest = :digest", digest=digest)
