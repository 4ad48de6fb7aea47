"""Accounts: who may log in, in which role."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.metadb.database import Row, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One account; times in Unix seconds.

    Attributes:
        secret: The password's hash with how it was made; empty for one that logs in by a provider.
        identity: Digest of provider and person for such an account, else empty.
    """

    name: str
    role: str
    secret: str
    identity: str = ""
    disabled: bool = False
    created_at: float
    changed_at: float


def get(tx: Transaction, name: str) -> AccountRow | None:
    """Return one account, or `None`; names are compared with their case."""
    row = tx.row("SELECT * FROM account WHERE name = :name", name=name)
    return None if row is None or row["name"] != name else _row(row)


def of_identity(tx: Transaction, identity: str) -> AccountRow | None:
    """Return the account of a provider's person, or `None`."""
    row = tx.row("SELECT * FROM account WHERE identity = :identity", identity=identity)
    return None if row is None else _row(row)


def everyone(tx: Transaction) -> list[AccountRow]:
    """Return all accounts by name."""
    return [_row(row) for row in tx.rows("SELECT * FROM account ORDER BY name")]


def insert(tx: Transaction, row: AccountRow) -> None:
    """Keep a new account; the caller has looked whether the name is free."""
    tx.execute(
        "INSERT INTO account (name, role, secret, identity, disabled, created_at, changed_at)"
        " VALUES (:name, :role, :secret, :identity, :disabled, :created_at, :changed_at)",
        name=row.name,
        role=row.role,
        secret=row.secret,
        identity=row.identity or None,
        disabled=int(row.disabled),
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def update(tx: Transaction, row: AccountRow) -> None:
    """Replace role, secret and whether it is disabled."""
    tx.execute(
        "UPDATE account SET role = :role, secret = :secret, disabled = :disabled, changed_at = :now WHERE name = :name",
        name=row.name,
        role=row.role,
        secret=row.secret,
        disabled=int(row.disabled),
        now=row.changed_at,
    )


def delete(tx: Transaction, name: str) -> None:
    """Remove an account."""
    tx.execute("DELETE FROM account WHERE name = :name", name=name)


def _row(row: Row) -> AccountRow:
    return AccountRow(
        name=row["name"],
        role=row["role"],
        secret=row["secret"],
        identity=row["identity"] or "",
        disabled=bool(row["disabled"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )
