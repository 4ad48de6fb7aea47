"""The user of the service: name and scrypt hash of the password, kept in the data directory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from ferryman.foundation.files import write_private

USER = "admin"
PASSWORD_VARIABLE = "FERRYMAN_ADMIN_PASSWORD"
PASSWORD_FILE = "admin-password"

_COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 40 ms a guess


@dataclass(frozen=True, slots=True)
class StoredHash:
    """A password as it is kept."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> StoredHash:
        """Hash a password with a fresh salt."""
        salt = secrets.token_bytes(16)
        return cls(salt, _scrypt(password, salt))

    def matches(self, password: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(_scrypt(password, self.salt), self.digest)


class Credentials:
    """Checks logins. Thread-safe.

    A login that was right is remembered as a keyed digest for the life of the process, so that a client that polls does
    not pay for scrypt each time; wrong ones pay every time, two at once at most.
    """

    def __init__(self, user: str, stored: StoredHash) -> None:
        self.user = user
        self._stored = stored
        self._key = secrets.token_bytes(32)
        self._seen: bytes | None = None
        self._gate = threading.Semaphore(2)

    def known(self, user: str, password: str) -> bool:
        """Whether this very login has been right before; quick."""
        return self._seen is not None and hmac.compare_digest(self._seen, self._mark(user, password))

    def accepts(self, user: str, password: str) -> bool:
        """Whether the login is right; slow on purpose."""
        with self._gate:
            right_user = hmac.compare_digest(user.encode(), self.user.encode())
            right = self._stored.matches(password) and right_user
        if right:
            self._seen = self._mark(user, password)
        return right

    def _mark(self, user: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{user}\0{password}".encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, slots=True)
class OpenedCredentials:
    """Credentials of a data directory; `new_password` is set when this call has made a random one."""

    credentials: Credentials
    new_password: str | None = None


def open_credentials(data_dir: Path, given: str | None = None) -> OpenedCredentials:
    """Read the credentials of a data directory, or make them at the first start.

    Args:
        data_dir: Where `users.json` and `admin-password` lie.
        given: A password that takes the place of the stored one, from ``FERRYMAN_ADMIN_PASSWORD``.
    """
    store = data_dir / "users.json"
    if given:
        _write(store, StoredHash.of(given))
        (data_dir / PASSWORD_FILE).unlink(missing_ok=True)  # the random one of an earlier start no longer opens
        return OpenedCredentials(_read(store))
    if store.exists():
        return OpenedCredentials(_read(store))
    password = secrets.token_urlsafe(12)
    write_private(data_dir / PASSWORD_FILE, f"{password}\n".encode())
    _write(store, StoredHash.of(password))
    return OpenedCredentials(_read(store), password)


def _read(store: Path) -> Credentials:
    document = json.loads(store.read_text(encoding="utf-8"))
    entry = document["users"][0]
    stored = StoredHash(base64.b64decode(entry["salt"]), base64.b64decode(entry["digest"]))
    return Credentials(entry["name"], stored)


def _write(store: Path, stored: StoredHash) -> None:
    entry = {
        "name": USER,
        "salt": base64.b64encode(stored.salt).decode(),
        "digest": base64.b64encode(stored.digest).decode(),
    }
    document = {"version": 1, "hash": "scrypt", **_COST, "users": [entry]}
    write_private(store, f"{json.dumps(document)}\n".encode())


def _scrypt(password: str, salt: bytes) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, maxmem=64 * 2**20, dklen=32, **_COST)
