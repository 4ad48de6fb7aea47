"""Tickets that stand for a login: sessions of the console, and API keys. Only digests of them are kept."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.metadb.database import Row, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One API key; times in Unix seconds, `expires_at` is `None` for one that holds until it is removed."""

    id: str
    name: str
    account: str
    role: str
    digest: str
    created_at: float
    expires_at: float | None = None


def open_session(tx: Transaction, digest: str, account: str, now: float, expires_at: float) -> None:
    """Keep a session, and forget those that have run out."""
    tx.execute("DELETE FROM web_session WHERE expires_at < :now", now=now)
    tx.execute(
        "INSERT INTO web_session (digest, account, created_at, expires_at) VALUES (:digest, :account, :now, :expires)",
        digest=digest,
        account=account,
        now=now,
        expires=expires_at,
    )


def session(tx: Transaction, digest: str, now: float) -> tuple[str, float] | None:
    """Return account and end of a session that has not run out, or `None`."""
    row = tx.row(
        "SELECT account, expires_at FROM web_session WHERE digest = :digest AND expires_at > :now",
        digest=digest,
        now=now,
    )
    return None if row is None else (row["account"], row["expires_at"])


def close_session(tx: Transaction, digest: str) -> None:
    """Forget a session."""
    tx.execute("DELETE FROM web_session WHERE digest = :digest", digest=digest)


def close_all(tx: Transaction, account: str) -> None:
    """Forget all sessions of an account (its password, role or right to log in has changed)."""
    tx.execute("DELETE FROM web_session WHERE account = :account", account=account)


def insert_key(tx: Transaction, row: KeyRow) -> None:
    """Keep a new key."""
    tx.execute(
        "INSERT INTO api_key (id, name, account, role, digest, created_at, expires_at)"
        " VALUES (:id, :name, :account, :role, :digest, :created, :expires)",
        id=row.id,
        name=row.name,
        account=row.account,
        role=row.role,
        digest=row.digest,
        created=row.created_at,
        expires=row.expires_at,
    )


def key(tx: Transaction, digest: str, now: float) -> KeyRow | None:
    """Return the key of a digest that has not run out, or `None`."""
    row = tx.row(
        "SELECT * FROM api_key WHERE digest = :digest AND (expires_at IS NULL OR expires_at > :now)",
        digest=digest,
        now=now,
    )
    return None if row is None else _key(row)


def keys(tx: Transaction) -> list[KeyRow]:
    """Return all keys, oldest first."""
    return [_key(row) for row in tx.rows("SELECT * FROM api_key ORDER BY created_at, id")]


def delete_key(tx: Transaction, key_id: str) -> bool:
    """Remove a key; returns whether it was there."""
    return tx.execute("DELETE FROM api_key WHERE id = :id", id=key_id) > 0


def delete_keys_of(tx: Transaction, account: str) -> None:
    """Remove all keys of an account."""
    tx.execute("DELETE FROM api_key WHERE account = :account", account=account)


def _key(row: Row) -> KeyRow:
    return KeyRow(
        id=row["id"],
        name=row["name"],
        account=row["account"],
        role=row["role"],
        digest=row["digest"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
