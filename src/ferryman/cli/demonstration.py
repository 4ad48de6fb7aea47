"""``ferryman demo``."""

from __future__ import annotations

from ferryman.foundation.errors import UsageError


def run_demo(*, keep: bool, sync: bool = False) -> int:
    """Run the demonstration; it lives above the command line, so that it is found by name."""
    from importlib import import_module

    if not sync:
        return int(import_module("ferryman.demo").main(keep=keep))
    if keep:
        raise UsageError("usage.wrong_option", "--keep is for the move of a database, not for --sync")
    return int(import_module("ferryman.demo.stream").main())
