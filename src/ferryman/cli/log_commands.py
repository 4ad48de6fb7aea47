"""``ferryman projects logs``: what the process of a step has written down."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from ferryman.cli.project_commands import Json, Name, Password, Url, User, client_for
from ferryman.cli.switchover_commands import projects

__all__ = ["projects"]

PAUSE_SECONDS = 1.0


@projects.command()
def logs(
    name: Name,
    step: Annotated[str, typer.Option(help="precheck, schema, capture, load, index, apply, verify or release.")],
    last: Annotated[int, typer.Option(min=1, max=2000, help="So many entries.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what comes.")] = False,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Show the log of a step, oldest entry first."""
    client = client_for(url, user, password)
    found = client.get("projects", name, "logs", step=step, last=last)
    while True:
        for entry in found["entries"]:
            sys.stdout.write(_line(entry, json))
        sys.stdout.flush()
        if not follow:
            return 0
        if not found["entries"]:
            time.sleep(PAUSE_SECONDS)
        found = client.get("projects", name, "logs", step=step, after=found["next"], last=last)


def _line(entry: dict[str, Any], json: bool) -> str:
    if json:
        import json as json_

        return json_.dumps(entry, ensure_ascii=False) + "\n"
    text = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in entry["message"])
    return f"{entry['at']} {entry['level']:<7} {text}\n"
