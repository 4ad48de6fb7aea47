"""Apply: replays the source's changes from the log store into the target, each exactly once (docs/apply.md)."""

from ferryman.pipeline.apply.task import run

__all__ = ["run"]
