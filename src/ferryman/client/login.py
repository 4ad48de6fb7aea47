"""How a client says who calls."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field

from ferryman.client.exchange import Place
from ferryman.foundation.errors import FerrymanError

DEFAULT_URL = "http://127.0.0.1:8089"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the service is, who calls, and how long to wait for a piece of an answer."""

    place: Place
    login: str = field(repr=False)
    tls: ssl.SSLContext | None
    timeout: float

    @property
    def context(self) -> ssl.SSLContext | None:
        """What HTTPS is checked with; `None` for plain HTTP."""
        return (self.tls or ssl.create_default_context()) if self.place.secure else None

    def unreachable(self, error: Exception) -> FerrymanError:
        """Return the error for a service that does not answer."""
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        scheme = "https" if self.place.secure else "http"
        return FerrymanError("api.unreachable", f"no service answers at {scheme}://{self.place.name}: {reason}")


def settings_of(url: str, user: str, password: str, key: str, tls: ssl.SSLContext | None, timeout: float) -> Settings:
    """Return a client's settings: with an API key, else with user and password; ``usage.bad_url``."""
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    login = f"Bearer {key}" if key else f"Basic {basic}"
    return Settings(place=Place.of(url), login=login, tls=tls, timeout=timeout)
