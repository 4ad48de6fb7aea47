"""SSH servers on the way to a database, as options of its endpoint.

``?ssh_host=bastion&ssh_user=ferry&ssh_key_file=/etc/ferryman/key&ssh_host_key=SHA256:…``. The server's key is always
checked: `ssh_host_key` holds the fingerprints it may have, as ``ssh-keygen -lf`` prints them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint

SSH_OPTIONS = frozenset({
    "ssh_host", "ssh_port", "ssh_user", "ssh_password", "ssh_key", "ssh_key_file", "ssh_key_password", "ssh_host_key"
})  # fmt: skip
SSH_SECRETS = frozenset({"ssh_password", "ssh_key", "ssh_key_password"})
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshServer:
    """An SSH server and who we are there.

    Attributes:
        key: The private key itself, OpenSSH or PEM.
        key_file: Where it is read from instead, on the machine that connects.
        key_password: What the key is encrypted with.
        host_keys: SHA-256 fingerprints the server's key may have.
    """

    host: str
    port: int = 22
    user: str
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_file: str = ""
    key_password: str = field(default="", repr=False)
    host_keys: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"ssh://{self.user}@{self.host}:{self.port}"


def ssh_server_of(endpoint: Endpoint) -> SshServer | None:
    """Return the SSH server an endpoint is reached through, if any; ``usage.bad_url`` for options that cannot be."""
    given = {name: value for name, value in endpoint.options.items() if name in SSH_OPTIONS}
    if not given:
        return None
    _check(given, endpoint.options)
    fingerprints = frozenset(filter(None, (part.strip() for part in given.get("ssh_host_key", "").split(","))))
    if wrong := sorted(text for text in fingerprints if not _FINGERPRINT.fullmatch(text)):
        raise _bad(
            f"ssh_host_key holds fingerprints like SHA256:… (43 signs), as `ssh-keygen -lf` prints them: {wrong[0]!r}"
        )
    return SshServer(
        host=given["ssh_host"],
        port=_port(given.get("ssh_port", "22")),
        user=given["ssh_user"],
        password=given.get("ssh_password", ""),
        key=given.get("ssh_key", ""),
        key_file=given.get("ssh_key_file", ""),
        key_password=given.get("ssh_key_password", ""),
        host_keys=fingerprints,
    )


def _check(given: Mapping[str, str], options: Mapping[str, str]) -> None:
    if missing := [name for name in ("ssh_host", "ssh_user") if not given.get(name)]:
        raise _bad(f"{missing[0]} is missing")
    if given.get("ssh_key") and given.get("ssh_key_file"):
        raise _bad("ssh_key and ssh_key_file exclude each other")
    if "unix_socket" in options:
        raise _bad("a unix_socket cannot be reached through it")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise _bad("ssh_port must be a number from 1 to 65535")
    return int(text)


def _bad(problem: str) -> UsageError:
    return UsageError("usage.bad_url", f"the SSH server of this endpoint cannot be used: {problem}")
