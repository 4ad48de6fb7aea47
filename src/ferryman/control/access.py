"""Who may call: logins, sessions, API keys and accounts, and the log of what they did."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import threading
from dataclasses import dataclass, replace

from ferryman.control import passwords
from ferryman.control.roles import Principal, Role
from ferryman.control.throttle import Throttle
from ferryman.control.trail import changed
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, UsageError, cited
from ferryman.metadb import accounts, audit, tickets
from ferryman.metadb.accounts import AccountRow
from ferryman.metadb.audit import AuditEntry
from ferryman.metadb.database import Transaction
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tickets import KeyRow

SESSION_SECONDS = 12 * 3600.0
"""How long a session of the console holds."""

KEY_PREFIX = "fk_"
NAME_LENGTH = 64
MOST_REMEMBERED = 1000

_NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + "._-@")
_NOBODY = passwords.hashed(secrets.token_hex(16))
"""What the password of an unknown account is compared with, so that the answer takes as long as for a known one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of the console as its owner gets it; `expires_at` in Unix seconds."""

    principal: Principal
    token: str
    expires_at: float

    @property
    def csrf(self) -> str:
        """What the console sends with every change (see `csrf_of`)."""
        return csrf_of(self.token)


class Access:
    """Checks callers and keeps accounts. Thread-safe.

    A login that was right is remembered as a keyed digest over the stored hash, so that a client that polls does not
    pay for scrypt each time; a changed password ends that at once. Wrong ones pay every time, two at once at most.
    """

    def __init__(self, metadb: MetaDb, throttle: Throttle | None = None) -> None:
        self._metadb = metadb
        self.throttle = throttle or Throttle()
        self._key = secrets.token_bytes(32)
        self._seen: set[bytes] = set()
        self._gate = threading.Semaphore(2)

    # Callers ------------------------------------------------------------------------------------------------------

    @property
    def metadb(self) -> MetaDb:
        """Where accounts are kept, for what stands beside them."""
        return self._metadb

    def known(self, account: str, password: str) -> Principal | None:
        """Return who a login is that has been right before; quick."""
        with self._metadb.reading() as tx:
            row = accounts.get(tx, account)
        if row is None or row.disabled or self._mark(row, password) not in self._seen:
            return None
        return _principal(row)

    def login(self, account: str, password: str, address: str) -> Principal:
        """Check a login, slow on purpose; ``api.unauthorized``, ``api.too_many_logins``."""
        wait = self.throttle.blocked_seconds(account, address)
        if wait > 0:
            message = f"too many wrong logins from {address}: the next one is looked at in {wait:.0f} s"
            raise FerrymanError("api.too_many_logins", message, context={"retry_after": int(wait) + 1})
        with self._metadb.reading() as tx:
            row = accounts.get(tx, account)
        with self._gate:
            right = passwords.matches(row.secret if row else _NOBODY, password)
        if row is None or row.disabled or not right:
            self.throttle.failed(account, address)
            raise FerrymanError("api.unauthorized", "the call has no login or a wrong one")
        self.throttle.succeeded(account, address)
        self._remember(self._mark(row, password))
        return _principal(row)

    def known_password(self, account: str, password: str) -> bool:
        """Whether this is the account's password; for the service itself: neither counted nor remembered."""
        with self._metadb.reading() as tx:
            row = accounts.get(tx, account)
        return row is not None and not row.disabled and passwords.matches(row.secret, password)

    def of_identity(self, identity: str, name: str, role: Role) -> Principal:
        """Return whom a provider has vouched for: an account of that identity, made at its first login.

        A name never makes two accounts one: who is known by password stays so. ``account.name_taken``, ``api.forbidden``.
        """
        now = unix_now()
        with self._metadb.writing() as tx:
            row = accounts.of_identity(tx, identity)
            if row is None:
                _check_name(name)
                if accounts.get(tx, name) is not None:
                    raise UsageError(
                        "account.name_taken", f"an account is called {cited(name)} already, and is not yours"
                    )
                row = AccountRow(
                    name=name, role=role.value, secret="", identity=identity, created_at=now, changed_at=now
                )
                accounts.insert(tx, row)
            elif row.disabled:
                raise FerrymanError("api.forbidden", f"{row.name} may not log in any more")
            elif row.role != role.value:
                row = replace(row, role=role.value, changed_at=now)
                accounts.update(tx, row)
                tickets.close_all(tx, row.name)
        return _principal(row)

    def open_session(self, principal: Principal) -> Session:
        """Begin a session of the console."""
        token, now = secrets.token_urlsafe(32), unix_now()
        digest = _digest(token)
        with self._metadb.writing() as tx:
            tickets.open_session(tx, digest, principal.account, now, now + SESSION_SECONDS)
        return Session(principal=replace(principal, ticket=digest), token=token, expires_at=now + SESSION_SECONDS)

    def session(self, token: str) -> Session | None:
        """Return the session of a token, or `None` when it has run out, or its account may no longer log in."""
        digest = _digest(token)
        with self._metadb.reading() as tx:
            found = tickets.session(tx, digest, unix_now())
            row = accounts.get(tx, found[0]) if found else None
        if found is None or row is None or row.disabled:
            return None
        return Session(principal=replace(_principal(row), ticket=digest), token=token, expires_at=found[1])

    def close_session(self, principal: Principal) -> None:
        """End a session."""
        with self._metadb.writing() as tx:
            tickets.close_session(tx, principal.ticket)

    def of_key(self, key: str) -> Principal | None:
        """Return whose API key this is; never with more rights than its account has now."""
        with self._metadb.reading() as tx:
            found = tickets.key(tx, _digest(key), unix_now())
            row = accounts.get(tx, found.account) if found else None
        if found is None or row is None or row.disabled:
            return None
        role = Role(found.role) if Role(row.role).covers(Role(found.role)) else Role(row.role)
        return Principal(account=row.name, role=role)

    # Accounts -----------------------------------------------------------------------------------------------------

    def accounts(self) -> list[AccountRow]:
        """Return all accounts by name."""
        with self._metadb.reading() as tx:
            return accounts.everyone(tx)

    def create_account(self, name: str, password: str, role: Role, *, check: bool = True) -> AccountRow:
        """Keep a new account; ``account.invalid``, ``account.name_taken``, and with `check` ``account.weak_password``."""
        _check_name(name)
        if check:
            passwords.check_password(password)
        now = unix_now()
        row = AccountRow(name=name, role=role.value, secret=passwords.hashed(password), created_at=now, changed_at=now)
        with self._metadb.writing() as tx:
            if accounts.get(tx, name) is not None:
                raise UsageError("account.name_taken", f"an account is called {cited(name)} already")
            accounts.insert(tx, row)
        return row

    def change_account(
        self,
        name: str,
        *,
        password: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
        check: bool = True,
    ) -> AccountRow:
        """Change an account and end its sessions; the last admin keeps role and right to log in."""
        if password is not None and check:
            passwords.check_password(password)
        secret = None if password is None else passwords.hashed(password)
        with self._metadb.writing() as tx:
            row = self._account(tx, name)
            if row.identity and (secret or role):
                raise UsageError("account.invalid", f"{name} logs in by the provider, which knows password and role")
            new = replace(
                row,
                secret=secret or row.secret,
                role=role.value if role else row.role,
                disabled=row.disabled if disabled is None else disabled,
                changed_at=unix_now(),
            )
            accounts.update(tx, new)
            _keep_an_admin(tx)
            tickets.close_all(tx, name)
        changed(f"account {name}", _facts(row), _facts(new) | ({"password": "(new)"} if secret else {}))
        return new

    def delete_account(self, name: str) -> None:
        """Remove an account with its sessions and keys; ``account.unknown``, ``account.last_admin``."""
        with self._metadb.writing() as tx:
            row = self._account(tx, name)
            accounts.delete(tx, name)
            _keep_an_admin(tx)
            tickets.close_all(tx, name)
            tickets.delete_keys_of(tx, name)
        changed(f"account {name}", _facts(row), {})

    # Keys ---------------------------------------------------------------------------------------------------------

    def create_key(self, name: str, account: str, role: Role, *, lives_seconds: float | None) -> tuple[KeyRow, str]:
        """Make an API key; returns it with its text, which is shown this once."""
        _check_name(name)
        text = KEY_PREFIX + secrets.token_urlsafe(32)
        now = unix_now()
        row = KeyRow(
            id=f"k_{secrets.token_hex(6)}",
            name=name,
            account=account,
            role=role.value,
            digest=_digest(text),
            created_at=now,
            expires_at=None if lives_seconds is None else now + lives_seconds,
        )
        with self._metadb.writing() as tx:
            if not Role(self._account(tx, account).role).covers(role):
                raise UsageError(
                    "account.invalid", f"{account} is no {role.value}: a key may do no more than its account"
                )
            tickets.insert_key(tx, row)
        return row, text

    def api_keys(self) -> list[KeyRow]:
        """Return all keys, oldest first."""
        with self._metadb.reading() as tx:
            return tickets.keys(tx)

    def delete_key(self, key_id: str) -> None:
        """Remove a key; ``account.unknown_key``."""
        with self._metadb.writing() as tx:
            if not tickets.delete_key(tx, key_id):
                raise UsageError("account.unknown_key", f"there is no key {cited(key_id)}")

    # The audit log ------------------------------------------------------------------------------------------------

    def record(self, entry: AuditEntry) -> None:
        """Append to the audit log."""
        with self._metadb.writing() as tx:
            audit.add(tx, entry)

    def audit(self, *, before: int | None = None, limit: int = 100, account: str = "") -> list[AuditEntry]:
        """Return entries of the audit log, youngest first."""
        with self._metadb.reading() as tx:
            return audit.before(tx, before, limit, account)

    # Inside -------------------------------------------------------------------------------------------------------

    def _account(self, tx: Transaction, name: str) -> AccountRow:
        row = accounts.get(tx, name)
        if row is None:
            raise UsageError("account.unknown", f"there is no account {cited(name)}")
        return row

    def _mark(self, row: AccountRow, password: str) -> bytes:
        text = f"{row.name}\0{row.secret}\0{password}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def _remember(self, mark: bytes) -> None:
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen = set()
        self._seen.add(mark)


def csrf_of(token: str) -> str:
    """Return the CSRF token of a session: made from its token, which no other site's page can read."""
    return _digest(f"csrf:{token}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _facts(row: AccountRow) -> dict[str, object]:
    return {"role": row.role, "disabled": row.disabled}


def _principal(row: AccountRow) -> Principal:
    return Principal(account=row.name, role=Role(row.role))


def _keep_an_admin(tx: Transaction) -> None:
    # Only those with a password count: a provider may be gone just when somebody has to mend that.
    everyone = accounts.everyone(tx)
    if not any(row.role == Role.ADMIN.value and not row.disabled and row.secret for row in everyone):
        raise UsageError("account.last_admin", "nobody would be left who may administer the service")


def plain_name(text: str) -> str:
    """Return a name an account may have, for somebody whom a provider calls so."""
    return "".join(char if char in _NAME_CHARACTERS else "_" for char in text)[:NAME_LENGTH]


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_LENGTH or not set(name) <= _NAME_CHARACTERS:
        raise UsageError("account.invalid", f"a name has 1 to {NAME_LENGTH} letters, digits, or any of . _ - @")
