"""The schema step: the source's objects become the target's, each with its state; and the indexes after the load."""

from __future__ import annotations

from ferryman.pipeline.schema.step import run, run_indexes

__all__ = ["run", "run_indexes"]
