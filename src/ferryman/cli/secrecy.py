"""Keeps passwords out of the list of processes: every user of a machine can read the arguments of every process."""

from __future__ import annotations

import os
import sys

VARIABLES = {"--source": "FERRYMAN_SOURCE_PASSWORD", "--target": "FERRYMAN_TARGET_PASSWORD"}
WITH_URLS = (["run"], ["check"], ["verify"], ["repair"], ["projects", "create"])
MARK = "FERRYMAN_ARGUMENTS_CLEANED"
"""Set once the process has started itself again: never twice."""


def hide_passwords(arguments: list[str]) -> None:
    """Start this process again without passwords among its arguments, if there are any; else return.

    They travel in the environment then, which only the same user can read. Arguments that cannot be read stay as they
    are: their own command complains of them.
    """
    if os.environ.pop(MARK, None) or not any(arguments[: len(command)] == command for command in WITH_URLS):
        return
    cleaned, found = without_passwords(arguments)
    original = sys.orig_argv
    if not found or original[len(original) - len(arguments) :] != arguments:
        return
    beginning = original[: len(original) - len(arguments)]
    environment = os.environ | found | {MARK: "1"}
    os.execve(sys.executable, [*beginning, *cleaned], environment)


def without_passwords(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the arguments with URLs that have no password, and the passwords by environment variable."""
    from ferryman.foundation.errors import UsageError
    from ferryman.spi.url import SECRET_OPTIONS, format_url, parse_url

    cleaned, found = list(arguments), dict[str, str]()
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option not in VARIABLES or f"{option}-password-env" in " ".join(arguments):
            continue
        where = place if equals else place + 1
        url = value if equals else arguments[where] if where < len(arguments) else ""
        try:
            endpoint = parse_url(url)
        except UsageError:
            continue
        if endpoint.password and not SECRET_OPTIONS & endpoint.options.keys():
            found[VARIABLES[option]] = endpoint.password
            cleaned[where] = f"{option}={format_url(endpoint)}" if equals else format_url(endpoint)
    return cleaned, found
