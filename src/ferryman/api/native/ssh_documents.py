"""The SSH server an endpoint is reached through, as members of a document instead of options of a URL."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from ferryman.model.project import Endpoint
from ferryman.spi.url import format_url, parse_url


class SshDocument(BaseModel):
    """An SSH server on the way to a database; secrets are sealed and never answered."""

    model_config = ConfigDict(extra="forbid", strict=True)

    host: str = Field(min_length=1, max_length=255)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1, max_length=255)
    password: str = Field(default="", max_length=1024, repr=False)
    key: str = Field(default="", max_length=32_768, repr=False, description="Private key, OpenSSH or PEM.")
    key_file: str = Field(default="", max_length=4096, description="Where the service reads the key from instead.")
    key_password: str = Field(default="", max_length=1024, repr=False, description="What the key is encrypted with.")
    host_key: str = Field(
        default="",
        max_length=1024,
        description="SHA256:… fingerprints the server may have, separated by commas. Without one, the call is refused and says"
        " which one the server shows.",
    )


def endpoint_asked(url: str, ssh: SshDocument | None) -> Endpoint:
    """Return the endpoint of a URL and an SSH server; ``usage.bad_url``."""
    endpoint = parse_url(url)
    if ssh is None:
        return endpoint
    given = {f"ssh_{name}": str(value) for name, value in ssh.model_dump().items() if value != ""}
    whole = replace(endpoint, options={**endpoint.options, **given})
    return parse_url(format_url(whole, password=True))  # judged as if it had stood in the URL
