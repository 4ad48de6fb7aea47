"""``ferryman dead-letters …``: changes that the target refused, of a project of a running service."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ferryman.cli.project_commands import Json, Name, Password, Url, User

dead_letters = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Changes that the target refused and the policy skip-to-dead-letters set aside.",
)

Number = Annotated[int, typer.Argument(min=1, help="The number that `list` shows.")]


@dead_letters.command("list")
def list_letters(
    name: Name,
    all_: Annotated[bool, typer.Option("--all", help="Those that are settled, too.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only those with greater numbers.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Show them, oldest first; the changes themselves stand in the target's _ferryman.dead_letter."""
    from ferryman.cli.client import client_of
    from ferryman.cli.report import as_text

    found = client_of(url, user, password).get("projects", name, "dead-letters", after=after, limit=limit, all=all_)
    sys.stdout.write(as_text(found) if json else _listing(found))
    return 0


@dead_letters.command()
def retry(name: Name, number: Number, url: Url = None, user: User = None, password: Password = None) -> int:
    """Try a change again, once what stood in its way is mended."""
    return _decide("retry", name, number, url, user, password)


@dead_letters.command()
def skip(name: Name, number: Number, url: Url = None, user: User = None, password: Password = None) -> int:
    """Give a change up: the row stays different."""
    return _decide("skip", name, number, url, user, password)


def _decide(action: str, name: str, number: int, url: str | None, user: str | None, password: str | None) -> int:
    from ferryman.cli.client import client_of

    client_of(url, user, password).post("projects", name, "dead-letters", str(number), body={"action": action})
    sys.stdout.write(f"{name}: {action} of dead letter {number} is noted; apply carries it out while it runs\n")
    return 0


def _listing(letters: list[dict[str, Any]]) -> str:
    if not letters:
        return "no dead letters\n"
    lines = [
        f"{each['number']:>6}  {each['state']:<10}  {each['position']}  {each['operation']} of {each['source']}"
        f"  [{each['reason']}] {each['message']}"
        for each in letters
    ]
    return "\n".join(lines) + "\n"
