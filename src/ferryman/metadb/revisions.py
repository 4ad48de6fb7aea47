"""Which revision of the tables this version knows, and where its migrations are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"
"""The newest revision in `migrations/versions`; a metadb that stands there is opened without loading Alembic."""

SCRIPTS = Path(__file__).parent / "migrations"


def configuration() -> Config:
    """Return what Alembic needs to know."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
