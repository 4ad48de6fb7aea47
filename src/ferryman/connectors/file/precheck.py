"""Precheck items of a directory."""

from __future__ import annotations

import os
from pathlib import Path

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict


class FileChecks:
    """Looks whether the directory can be written to."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._path = Path(endpoint.options.get("path", ""))

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Refuse: files are no source."""
        raise FerrymanError("usage.bad_url", "files cannot be a source")

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Look at the nearest folder that exists."""
        there = next((p for p in (self._path, *self._path.parents) if p.exists()), Path("/"))
        usable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        return [
            CheckResult(
                item="RDB_CONNECT",
                side="target",
                verdict=Verdict.PASSED if usable else Verdict.FAILED,
                title="the directory can be written to",
                message="" if usable else f"{there} cannot be written to",
                hint="" if usable else "choose another directory, or change its owner",
                code="endpoint.access_denied",
            )
        ]
