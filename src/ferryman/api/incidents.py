"""Defects of our own: logged with their traceback, told without it."""

from __future__ import annotations

import logging

from ferryman.foundation.errors import FerrymanError

_log = logging.getLogger("ferryman.api")


def internal_error(error: BaseException, where: str) -> FerrymanError:
    """Log a defect and return the error that stands for it."""
    _log.error("internal error in %s", where, exc_info=error)
    return FerrymanError("internal.error", f"{type(error).__name__} in {where}")
