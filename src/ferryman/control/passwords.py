"""Passwords as they are kept: scrypt with a salt of their own; the parameters travel with the hash."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from ferryman.foundation.errors import UsageError

COST = {"n": 2**14, "r": 8, "p": 1}
"""16 MiB and some 40 ms a guess."""

SHORTEST = 8
LONGEST = 256


def hashed(password: str) -> str:
    """Hash a password with a fresh salt."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, COST)
    document = {"kind": "scrypt", **COST, "salt": _text(salt), "digest": _text(digest)}
    return json.dumps(document)


def matches(secret: str, password: str) -> bool:
    """Whether a password is the one that was hashed; compares in constant time, slow on purpose.

    An empty secret is that of an account without a password: nothing matches it, and that takes as long.
    """
    if not secret:
        _scrypt(password, b"", COST)
        return False
    document: dict[str, Any] = json.loads(secret)
    cost = {name: int(document[name]) for name in COST}
    found = _scrypt(password, base64.b64decode(document["salt"]), cost)
    return hmac.compare_digest(found, base64.b64decode(document["digest"]))


def check_password(password: str) -> None:
    """Refuse a password that is too short to withstand guessing; ``account.weak_password``."""
    if len(password) < SHORTEST or not password.strip():
        raise UsageError("account.weak_password", f"the password has fewer than {SHORTEST} characters")
    if len(password) > LONGEST:
        raise UsageError("account.weak_password", f"the password has more than {LONGEST} characters")


def _scrypt(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, maxmem=64 * 2**20, dklen=32, n=cost["n"], r=cost["r"], p=cost["p"])


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
