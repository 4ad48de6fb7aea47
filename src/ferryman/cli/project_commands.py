"""``ferryman projects …``: the client of a running service."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli.flags import LOG_KEPT_BYTES, LOG_KEPT_HOURS, DeferIndexes, LogBytes, LogHours, StartAt

projects = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Projects of a running service (FERRYMAN_URL, FERRYMAN_USER, FERRYMAN_PASSWORD stand for the options).",
)

Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The service; else http://127.0.0.1:8089.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="The service's user; else admin.")]
Password = Annotated[str | None, typer.Option("--password", metavar="TEXT", help="Better in FERRYMAN_PASSWORD.")]
Name = Annotated[str, typer.Argument(help="Name or id of the project.")]
Json = Annotated[bool, typer.Option("--json", help="Print the JSON the service answers.")]


@projects.command("list")
def list_projects(
    search: Annotated[str, typer.Option(help="Part of the name, or an id.")] = "",
    status: Annotated[list[str] | None, typer.Option(help="Only these statuses, e.g. RUNNING.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """List projects, youngest first."""
    from ferryman.cli import project_views

    wanted = [name.upper() for name in status or ()]
    found = client_for(url, user, password).get("projects", search=search, status=wanted, page=page, size=size)
    return print_document(found, json, project_views.listing)


@projects.command()
def show(name: Name, json: Json = False, url: Url = None, user: User = None, password: Password = None) -> int:
    """Show a project with its steps and tables."""
    from ferryman.cli import project_views

    return print_document(client_for(url, user, password).get("projects", name), json, project_views.project)


@projects.command()
def create(
    name: Annotated[str, typer.Option(help="The project's name: no blanks.")],
    source: Annotated[str, typer.Option(metavar="URL", help="URL, or the id of an endpoint.")],
    target: Annotated[str, typer.Option(metavar="URL", help="URL, or the id of an endpoint.")],
    objects: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="What moves: database.table, with * and ?.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="What stays.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", metavar="OLD=NEW", help="New names: old=new.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="Rows of a table: 'database.table:condition'.")] = None,
    columns: Annotated[list[str] | None, typer.Option(help="Columns that move: 'database.table:id,name'.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="Columns that stay: 'database.table:secret'.")] = None,
    transform: Annotated[list[str] | None, typer.Option(help="'database.table:column=hash', as of run.")] = None,
    add_column: Annotated[list[str] | None, typer.Option(help="'database.table:column=value', as of run.")] = None,
    types: Annotated[
        str, typer.Option(help="Any of schema, full, incremental, verify.")
    ] = "schema,full,incremental,verify",
    stop_when: Annotated[str, typer.Option(help="never, or caught-up.")] = "never",
    streams: Annotated[int, typer.Option(min=0, max=256)] = 0,
    speed: Annotated[str, typer.Option(help="steady, normal or fast: what the load may take.")] = "normal",
    defer_indexes: DeferIndexes = None,
    allow_not_empty: Annotated[bool, typer.Option("--allow-not-empty")] = False,
    skip_precheck: Annotated[list[str] | None, typer.Option()] = None,
    conflicts: Annotated[
        list[str] | None,
        typer.Option(metavar="POLICY", help="stop, overwrite, skip-to-dead-letters; of one table: db.table=POLICY."),
    ] = None,
    log_kept_hours: LogHours = LOG_KEPT_HOURS,
    log_kept_bytes: LogBytes = LOG_KEPT_BYTES,
    atomic: Annotated[bool, typer.Option("--atomic", help="Readers see source transactions whole.")] = False,
    start_at: StartAt = "",
    two_way: Annotated[bool, typer.Option("--two-way", help="Another project moves changes the other way.")] = False,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Make a project; passwords may come from FERRYMAN_SOURCE_PASSWORD and FERRYMAN_TARGET_PASSWORD."""
    from ferryman.cli import options, project_views
    from ferryman.model.serial import to_json

    general, of_tables = options.conflicts(conflicts)
    body = {
        "name": options.check_name(name),
        "source": options.full_url("--source", source, "FERRYMAN_SOURCE_PASSWORD"),
        "target": options.full_url("--target", target, "FERRYMAN_TARGET_PASSWORD"),
        "objects": options.patterns(objects),
        "exclude": options.patterns(exclude),
        "rename": options.renames(map_),
        "where": options.filters(where),
        "columns": to_json(options.column_rules(columns, leave_out, transform, add_column)),
        "hash_key": os.environ.get(options.HASH_KEY_VARIABLE, ""),
        "types": options.types(types),
        "stop_when": options.stop_when(stop_when).value,
        "streams": streams,
        "speed": options.speed(speed).value,
        "defer_indexes": defer_indexes,
        "allow_not_empty": allow_not_empty,
        "skip_prechecks": options.patterns(skip_precheck),
        "conflicts": general.value,
        "conflicts_of": {table: policy.value for table, policy in of_tables.items()},
        "log_kept_hours": log_kept_hours,
        "log_kept_bytes": options.log_bytes(log_kept_bytes),
        "atomic": atomic,
        "start_at": start_at,
        "two_way": two_way,
    }
    client = client_for(url, user, password)
    made = client.post("projects", body=body)
    if start:
        made = client.post("projects", made["id"], "start")
    return print_document(made, json, project_views.project)


@projects.command("start")
def start_project(name: Name, url: Url = None, user: User = None, password: Password = None) -> int:
    """Start a project that was never started."""
    return _tell("start", name, url, user, password)


@projects.command()
def stop(name: Name, url: Url = None, user: User = None, password: Password = None) -> int:
    """Pause a running project; progress is kept."""
    return _tell("stop", name, url, user, password)


@projects.command()
def resume(name: Name, url: Url = None, user: User = None, password: Password = None) -> int:
    """Go on with a paused or failed project from where it stood."""
    return _tell("resume", name, url, user, password)


@projects.command()
def release(name: Name, url: Url = None, user: User = None, password: Password = None) -> int:
    """End a project for good and free what it holds; its record stays."""
    return _tell("release", name, url, user, password)


@projects.command()
def delete(name: Name, url: Url = None, user: User = None, password: Password = None) -> int:
    """Remove a project that was never started, or is released."""
    client_for(url, user, password).delete("projects", name)
    sys.stdout.write(f"{name} is deleted\n")
    return 0


@projects.command()
def give(
    name: Name,
    account: Annotated[str, typer.Argument(help="The new owner; without one it is every operator's.")] = "",
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Give a project to another account; its owner and admins act on it, others look on."""
    client_for(url, user, password).put("projects", name, "owner", body={"owner": account})
    sys.stdout.write(f"{name} belongs to {account or 'every operator'}\n")
    return 0


@projects.command()
def events(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what comes.")] = False,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Tell the story of a project, oldest first."""
    from ferryman.cli import project_views

    client, after = client_for(url, user, password), 0
    while True:
        found = client.get("projects", name, "events", after=after, limit=1000)
        print_document(found, json, project_views.events)
        after = max([after, *(int(event["id"]) for event in found)])
        if not found and not follow:
            return 0
        if not found:
            time.sleep(1)


@projects.command()
def mismatches(
    name: Name,
    table: Annotated[str, typer.Option(help="Only this source table: database.table.")] = "",
    page: Annotated[int, typer.Option(min=1)] = 1,
    size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Show the rows that differ."""
    from ferryman.cli import project_views

    found = client_for(url, user, password).get("projects", name, "mismatches", table=table, page=page, size=size)
    return print_document(found, json, project_views.mismatches)


@projects.command()
def choose(
    name: Name,
    choice: Annotated[
        str, typer.Argument(help="skip, apply (with --sql), done (run by yourself); of a conflict: skip, overwrite.")
    ],
    sql: Annotated[str, typer.Option(help="With apply: the statement to run at the target instead.")] = "",
    object_name: Annotated[
        str,
        typer.Option(
            "--object",
            help="An object that could not be made, as its step names it (apply; an index also skip).",
        ),
    ] = "",
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Decide about the schema statement, the conflict or the object at which a project has stopped; then resume it."""
    body = {"choice": choice, "sql": sql, "object": object_name}
    client_for(url, user, password).post("projects", name, "choose", body=body)
    sys.stdout.write(f"{name}: {choice}. `ferryman projects resume {name}` goes on\n")
    return 0


@projects.command()
def export(
    name: Name,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Else to standard output.")] = None,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Write a project as the YAML that `ferryman apply` takes; passwords are left out."""
    text = client_for(url, user, password).get("projects", name, "export")
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
    return 0


def client_for(url: str | None, user: str | None, password: str | None) -> Any:
    """Return a client of the service that is meant."""
    from ferryman.cli.client import client_of

    return client_of(url, user, password)


def _tell(action: str, name: str, url: str | None, user: str | None, password: str | None) -> int:
    project = client_for(url, user, password).post("projects", name, action)
    sys.stdout.write(f"{project['name']} is {project['status']}\n")
    return 0


def print_document(document: Any, json: bool, show_: Any) -> int:
    """Print an answer, as JSON or for people."""
    from ferryman.cli.report import as_text

    sys.stdout.write(as_text(document) if json else show_(document))
    return 0
