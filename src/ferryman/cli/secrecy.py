"""Keeps secrets out of the list of processes: every user of a machine can read the arguments of every process."""

from __future__ import annotations

import json
import os
import sys

WITH_URLS = (["run"], ["check"], ["verify"], ["repair"], ["projects", "create"])
MARK = "FERRYMAN_ARGUMENTS"
"""Holds the arguments as they were given, for the process that was started again: never twice."""
_URLS = ("--source", "--target")


def hide_secrets(arguments: list[str]) -> list[str]:
    """Start this process again with URLs that show no secrets, if some do; returns the arguments as they were given.

    They travel in the environment then, which only the same user can read. Arguments that cannot be read stay as they
    are: their own command complains of them.
    """
    if given := os.environ.pop(MARK, None):
        return [str(argument) for argument in json.loads(given)]
    if not any(arguments[: len(command)] == command for command in WITH_URLS):
        return arguments
    cleaned = without_secrets(arguments)
    original = sys.orig_argv
    if cleaned != arguments and original[len(original) - len(arguments) :] == arguments:
        beginning = original[: len(original) - len(arguments)]
        os.execve(sys.executable, [*beginning, *cleaned], os.environ | {MARK: json.dumps(arguments)})
    return arguments


def without_secrets(arguments: list[str]) -> list[str]:
    """Return the arguments with URLs that have neither a password nor another secret."""
    from ferryman.foundation.errors import UsageError
    from ferryman.spi.url import SECRET_OPTIONS, format_url, parse_url

    cleaned = list(arguments)
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option not in _URLS:
            continue
        where = place if equals else place + 1
        url = value if equals else arguments[where] if where < len(arguments) else ""
        try:
            endpoint = parse_url(url)
        except UsageError:
            continue
        if endpoint.password or SECRET_OPTIONS & endpoint.options.keys():
            cleaned[where] = f"{option}={format_url(endpoint)}" if equals else format_url(endpoint)
    return cleaned
