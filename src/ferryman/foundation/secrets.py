"""Secrets at rest: sealed with a key that lies beside the state, in a file only its owner may read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.files import PRIVATE_FILE, sync_directory


class SecretBox:
    """Seals and opens texts.

    The key file holds one Fernet key a line: the first seals, all of them open, so a key is rotated by putting a new one
    on top. ``metadb.secret_key`` is raised when a sealed text belongs to none of them.
    """

    def __init__(self, path: Path) -> None:
        """Read the key file; it is made, mode 0600, when missing."""
        self.path = path
        self._fernet = MultiFernet([Fernet(line) for line in self._keys()])

    def seal(self, text: str) -> str:
        """Encrypt a text to ASCII."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Decrypt what `seal` made."""
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode()
        except (InvalidToken, UnicodeEncodeError):
            raise FerrymanError("metadb.secret_key", f"a stored password cannot be opened with {self.path}") from None

    def reseal(self, sealed: str) -> str:
        """Seal again, with the first key, what any of the keys opens."""
        return self.seal(self.open(sealed))

    def begin_rotation(self) -> None:
        """Put a new key on top of the file: it seals from now on, the older ones still open."""
        self._write([Fernet.generate_key(), *self._keys()])

    def end_rotation(self) -> None:
        """Forget all keys but the first; nothing may be sealed with another one any more."""
        self._write(self._keys()[:1])

    def _write(self, keys: list[bytes]) -> None:
        """Replace the file whole: no crash leaves half of it."""
        temporary = self._draft(b"".join(key + b"\n" for key in keys))
        temporary.replace(self.path)
        sync_directory(self.path.parent)
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def _keys(self) -> list[bytes]:
        if not self.path.exists():
            self._make_key()
        lines = [line.strip() for line in self.path.read_bytes().splitlines() if line.strip()]
        if not lines:
            raise FerrymanError("metadb.secret_key", f"{self.path} holds no key")
        return lines

    def _make_key(self) -> None:
        # Linked into place whole: two processes that start at once end with the same key, and no crash leaves half of it.
        temporary = self._draft(Fernet.generate_key() + b"\n")
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        sync_directory(self.path.parent)

    def _draft(self, text: bytes) -> Path:
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        place = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        try:
            os.write(place, text)
            os.fsync(place)
        finally:
            os.close(place)
        return temporary
