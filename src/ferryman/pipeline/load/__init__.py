"""The load step: existing rows, chunk by chunk, resumable."""

from ferryman.pipeline.load.step import run

__all__ = ["run"]
