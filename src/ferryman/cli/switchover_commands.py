"""``ferryman projects switchover``: the application goes over from the source to the target."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from ferryman.cli.object_commands import projects
from ferryman.cli.project_commands import Json, Name, Password, Url, User, client_for, print_document

__all__ = ["projects"]

LOOK_SECONDS = 0.5
NEEDS_OPERATOR = 1


@projects.command()
def switchover(
    name: Name,
    action: Annotated[
        str, typer.Argument(help="begin, status, confirm, retry, accept (differences), or cancel.")
    ] = "begin",
    source_stopped: Annotated[
        bool, typer.Option("--source-stopped", help="begin: nobody writes to the source any more.")
    ] = False,
    proof: Annotated[
        str, typer.Option(help="begin: verify (compare every row at rest), earlier (rely on what was compared), none.")
    ] = "verify",
    skip: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="begin, retry: items of the precheck that may fail.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done, or needs you.")] = True,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Let the application go over to the target; its changes flow back where the project has `reverse`.

    Exit code 0 when it is done (or cancelled, or only looked at), 1 when it needs the operator, 4 for differences.
    """
    client = client_for(url, user, password)
    if action == "status":
        return print_document(client.get("projects", name, "switchover"), json, _text)
    if action == "begin":
        body = {"source_stopped": source_stopped, "proof": proof, "skip": skip or []}
        found = client.post("projects", name, "switchover", body=body)
    else:
        found = client.post("projects", name, "switchover", action, body={"skip": skip or []})
    if wait and action != "cancel":
        found = _watched(client, name, found, quiet=json)
    print_document(found, json, _text)
    return _exit_code(found)


def _watched(client: Any, name: str, found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Follow it until it is done or needs the operator; each stage is told once."""
    told = ""
    while not _rests(found):
        if found["stage"] != told and not quiet:
            told = found["stage"]
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
        time.sleep(LOOK_SECONDS)
        found = client.get("projects", name, "switchover")
    return found


def _rests(found: dict[str, Any]) -> bool:
    asks = found["error"] is not None or (found["stage"] == "confirm" and not found["source_stopped"])
    return asks or found["stage"] in {"done", "cancelled"}


def _exit_code(found: dict[str, Any]) -> int:
    if found["error"] is None:
        return 0
    return 4 if found["error"]["code"] == "switchover.differences" else NEEDS_OPERATOR


def _text(found: dict[str, Any]) -> str:
    lines = [f"switchover {found['id']}: {found['stage']}"]
    lines += [f"  {step['status']:<10} {step['name']}" for step in found["sub_steps"]]
    if found["error"]:
        lines += [f"[{found['error']['code']}] {found['error']['message']}", f"  → {found['error']['hint']}"]
    if found["stage"] == "confirm" and not found["source_stopped"]:
        lines.append("  → stop the application's writes to the source, then: ferryman projects switchover NAME confirm")
    if found["application_may_write"]:
        lines.append("  → the application may write to the target now")
    if found["actions"]:
        lines.append(f"  possible now: {', '.join(found['actions'])}")
    return "\n".join(lines) + "\n"
