"""The precheck: everything that can be known to go wrong, before anything is touched."""

from __future__ import annotations

from ferryman.pipeline.precheck.project import check_project
from ferryman.pipeline.precheck.step import run

__all__ = ["check_project", "run"]
