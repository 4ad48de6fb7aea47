"""Defects of our own: logged with their traceback, told without it."""

from __future__ import annotations

import structlog

from ferryman.foundation.errors import FerrymanError

_log = structlog.get_logger("ferryman.api")


def internal_error(error: BaseException, where: str) -> FerrymanError:
    """Log a defect and return the error that stands for it."""
    _log.error("internal error", where=where, kind=type(error).__name__, exc_info=error)
    return FerrymanError("internal.error", f"{type(error).__name__} in {where}")
