"""How errors are told: ``error [code] message``, then the next step."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError

INTERRUPTED = 130
DEBUG_VARIABLE = "FERRYMAN_DEBUG"
LOG_FILE = "ferryman.log"


def default_data_dir() -> Path:
    """Return the user's data folder for ferryman."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "ferryman"


def tell_error(error: FerrymanError) -> int:
    """Write an error to standard error and return its exit code."""
    write_problem(error.code, error.message, error.hint)
    if os.environ.get(DEBUG_VARIABLE):
        sys.excepthook(type(error), error, error.__traceback__)
    return error.exit_code


def tell_defect(error: BaseException) -> int:
    """Write a defect of our own in one line; the traceback goes to a log file, or is shown when debugging."""
    if os.environ.get(DEBUG_VARIABLE):
        sys.excepthook(type(error), error, error.__traceback__)
    where = _log_defect(error)
    hint = CODES["internal.error"].hint + (f" ({where})" if where else "")
    write_problem("internal.error", f"{type(error).__name__} in {_place(error)}", hint)
    return CODES["internal.error"].exit_code


def write_problem(code: str, message: str, hint: str = "", *, word: str = "error") -> None:
    """Write ``error [code] message`` and the hint."""
    mark, end = ("\x1b[1;31m", "\x1b[0m") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    sys.stdout.flush()
    sys.stderr.write(f"{mark}{word}{end} [{code}] {message}\n")
    if hint:
        sys.stderr.write(f"  → {hint}\n")
    sys.stderr.flush()


def log_to_file(directory: Path) -> None:
    """Send this process's log records to a file: the terminal is for people."""
    import logging
    from logging.handlers import RotatingFileHandler

    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FerrymanError("metadb.failed", f"{directory} cannot be made: {error.strerror}") from error
    handler = RotatingFileHandler(directory / LOG_FILE, maxBytes=4 << 20, backupCount=2, delay=True, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _log_defect(error: BaseException) -> Path | None:
    import traceback

    directory = default_data_dir() / "logs"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (directory / LOG_FILE).open("a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return directory / LOG_FILE


def _place(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).stem}, line {frames[-1].lineno}" if frames else "ferryman"


def slow_kernel_warning() -> str:
    """Return a line to say when the pure-Python kernel is used because the native one was not built; else nothing."""
    from ferryman.kernel import IMPLEMENTATION

    if IMPLEMENTATION == "native" or os.environ.get("FERRYMAN_KERNEL"):
        return ""
    return (
        "warning: the native kernel was not built, so the pure-Python one is used (about 10 times slower): "
        "install a C++ compiler, then reinstall ferryman"
    )
