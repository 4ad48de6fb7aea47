"""``ferryman projects add|remove|objects|clone|rename|batch``: what projects move, and what is done to many."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ferryman.cli.project_commands import Json, Name, Password, Url, User, client_for, print_document, projects

__all__ = ["projects"]

Patterns = Annotated[list[str], typer.Argument(help="database.table, or database.*")]


@projects.command()
def add(
    name: Name,
    objects: Patterns,
    map_: Annotated[list[str] | None, typer.Option("--map", metavar="OLD=NEW", help="New names: old=new.")] = None,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Add objects to a project; one that runs goes on meanwhile, and takes them in once they have caught up."""
    from ferryman.cli import options

    body = {"add": options.patterns(objects), "rename": options.renames(map_)}
    change = client_for(url, user, password).post("projects", name, "objects", body=body)
    sys.stdout.write(f"{change['id']} is {change['status']}. `ferryman projects objects {name}` shows how it goes\n")
    return 0


@projects.command()
def remove(name: Name, objects: Patterns, url: Url = None, user: User = None, password: Password = None) -> int:
    """Remove objects from a project; their rows at the target stay."""
    from ferryman.cli import options

    body = {"remove": options.patterns(objects)}
    client_for(url, user, password).post("projects", name, "objects", body=body)
    sys.stdout.write(f"removed from {name}: {', '.join(objects)}; their rows at the target stay\n")
    return 0


@projects.command("objects")
def list_changes(name: Name, json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """Show how objects were added and removed."""
    from ferryman.cli import project_views

    found = client_for(url, user, password).get("projects", name, "objects")
    return print_document(found, json, project_views.object_changes)


@projects.command("change")
def tell_change(
    change: Annotated[str, typer.Argument(help="Id of the change: oc_…")],
    action: Annotated[str, typer.Argument(help="cancel (not begun yet), stop (give up), or retry (after a failure).")],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Take a change of objects back, give it up, or let it go on."""
    told = client_for(url, user, password).post("object-changes", change, action)
    sys.stdout.write(f"{told['id']} is {told['status']}\n")
    return 0


@projects.command()
def clone(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="The new project's name.")],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Make another project with the same endpoints, objects and options; it waits to be started."""
    made = client_for(url, user, password).post("projects", name, "clone", body={"name": new_name})
    sys.stdout.write(f"{made['name']} is {made['status']} ({made['id']})\n")
    return 0


@projects.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="Its new name.")],
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Give a project another name."""
    client_for(url, user, password).post("projects", name, "rename", body={"name": new_name})
    sys.stdout.write(f"{name} is called {new_name} now\n")
    return 0


@projects.command()
def batch(
    action: Annotated[str, typer.Argument(help="start, stop, resume, release or delete.")],
    names: Annotated[list[str] | None, typer.Argument(help="Names or ids of projects.")] = None,
    label: Annotated[str, typer.Option(help="Instead: every project with this label (its id).")] = "",
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Do one thing to many projects; exit code 1 when one of them could not take it."""
    body = {"action": action, "projects": names or [], "label": label}
    items = client_for(url, user, password).post("projects", "batch", body=body)
    for item in items:
        told = "done" if item["done"] else f"[{item['code']}] {item['message']}"
        sys.stdout.write(f"{item['project_id']}  {told}\n")
    return 0 if all(item["done"] for item in items) else 1
