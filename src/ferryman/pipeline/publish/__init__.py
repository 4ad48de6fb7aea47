"""Synchronization: the steps of a project whose target takes messages. They stand on load and apply.

Structure = topics (`topics`), full = rows as insert messages (`rows`), incremental = change messages (`task`).
"""

from __future__ import annotations

from ferryman.pipeline.publish.rows import run as run_rows
from ferryman.pipeline.publish.task import run as run_changes
from ferryman.pipeline.publish.topics import forget
from ferryman.pipeline.publish.topics import run as run_topics

__all__ = ["forget", "run_changes", "run_rows", "run_topics"]
