"""Where the command line begins and where every error ends: one line, the next step, an exit code."""

from __future__ import annotations

import os
import sys

from ferryman.cli.problems import INTERRUPTED, tell_defect, tell_error
from ferryman.cli.secrecy import hide_secrets
from ferryman.foundation.errors import FerrymanError, UsageError

WRONG_USAGE = 2


def main() -> None:
    """Run the command line and end the process with its exit code."""
    code = run(hide_secrets(sys.argv[1:]))
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code (design: 0, 1, 2, 3, 4, 130)."""
    from typer import TyperException

    try:
        return _call(arguments)
    except FerrymanError as error:
        return tell_error(error)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a command that needs a further word was given none
            sys.stderr.write(f"{error}\n")
            return WRONG_USAGE
        return tell_error(UsageError("usage.wrong_option", _sentence(error)))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the edge of the process: a defect is told in one line
        return tell_defect(error)


def _call(arguments: list[str]) -> int:
    from typer import Abort, Exit

    from ferryman.cli.commands import app

    try:
        result = app(args=arguments, prog_name="ferryman", standalone_mode=False)
    except Exit as end:
        return end.exit_code
    except Abort:
        return INTERRUPTED
    return int(result or 0)


def _sentence(error: Exception) -> str:
    """Return what the option parser complains of, as one line."""
    text = " ".join(str(getattr(error, "format_message", lambda: error)()).split())
    return (text[:1].lower() + text[1:]).rstrip(".")


if __name__ == "__main__":
    main()
