"""``ferryman demo``."""

from __future__ import annotations


def run_demo(*, keep: bool) -> int:
    """Run the demonstration; it lives above the command line, so that it is found by name."""
    from importlib import import_module

    return int(import_module("ferryman.demo").main(keep=keep))
