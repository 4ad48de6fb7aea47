"""The precheck: everything that can be known to go wrong, before anything is touched."""

from __future__ import annotations

from ferryman.pipeline.precheck.assessment import Assessment, assess_project
from ferryman.pipeline.precheck.project import check_project
from ferryman.pipeline.precheck.step import run

__all__ = ["Assessment", "assess_project", "check_project", "run"]
