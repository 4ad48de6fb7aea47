"""The verify step: every row of both sides compared; only differences that have settled count (I6)."""

from ferryman.pipeline.verify import repair
from ferryman.pipeline.verify.step import VerifyReport, compare_endpoints, run

__all__ = ["VerifyReport", "compare_endpoints", "repair", "run"]
