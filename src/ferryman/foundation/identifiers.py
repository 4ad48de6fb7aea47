"""Identifiers: a prefix that says of what, and random characters."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.ascii_lowercase + string.digits


def new_id(prefix: str) -> str:
    """Make an identifier: the prefix and twelve random characters."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(12))
