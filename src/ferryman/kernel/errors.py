"""Errors of the kernel."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError


class KernelError(FerrymanError):
    """Bytes from a server that cannot be what the protocol allows."""


class ServerError(FerrymanError):
    """The server ended a result set with an ERR packet.

    Attributes:
        errno: The server's error number.
        sqlstate: Five characters, may be empty.
        text: The server's message.
    """

    def __init__(self, errno: int, sqlstate: str, text: str) -> None:
        """Make an error from an ERR packet."""
        super().__init__("endpoint.query_failed", f"server error {errno} ({sqlstate}): {text}")
        self.errno = errno
        self.sqlstate = sqlstate
        self.text = text
