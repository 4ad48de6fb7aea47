"""The commands and their options. Bodies import what they need, so that ``--help`` stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.access_commands import keys, users
from ferryman.cli.alert_commands import alerts
from ferryman.cli.file_commands import apply_file
from ferryman.cli.flags import (
    ALL_TYPES,
    LOG_KEPT_BYTES,
    LOG_KEPT_HOURS,
    SOURCE_VARIABLE,
    TARGET_VARIABLE,
    AddColumn,
    Atomic,
    Columns,
    Conflicts,
    DataDir,
    DeferIndexes,
    Exclude,
    Json,
    LeaveOut,
    LogBytes,
    LogHours,
    Map,
    NotEmpty,
    Objects,
    OnValue,
    Skip,
    Source,
    SourcePassword,
    Speed,
    StartAt,
    Streams,
    Target,
    TargetPassword,
    Transform,
    TwoWay,
    Types,
    Where,
)
from ferryman.cli.letter_commands import dead_letters
from ferryman.cli.log_commands import projects
from ferryman.cli.problems import default_data_dir
from ferryman.cli.project_commands import Password, Url, User

app = typer.Typer(
    name="ferryman",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich's takes longer than all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Moves databases without stopping them: schema, rows and every change that follows, proved equal at the end.",
    epilog="Exit codes: 0 done and equal · 1 failed · 2 wrong usage · 3 environment · 4 differences left · 130 interrupted",
)
app.add_typer(projects, name="projects")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
app.command("apply")(apply_file)
app.add_typer(alerts, name="alerts")
app.add_typer(dead_letters, name="dead-letters")


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def every_command(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What every command takes; its help is the application's."""


@app.command()
def run(
    source: Source,
    target: Target,
    objects: Objects = None,
    exclude: Exclude = None,
    map_: Map = None,
    where: Where = None,
    columns: Columns = None,
    leave_out: LeaveOut = None,
    transform: Transform = None,
    add_column: AddColumn = None,
    types: Types = ALL_TYPES,
    stop_when: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="caught-up: end once the target has caught up; never: follow until told to stop."
        ),
    ] = "caught-up",
    streams: Streams = 0,
    speed: Speed = "normal",
    defer_indexes: DeferIndexes = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The project's name; else made from source and target.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what is known of the project and begin anew.")] = False,
    allow_not_empty: NotEmpty = False,
    skip_precheck: Skip = None,
    on_value: OnValue = None,
    conflicts: Conflicts = None,
    log_kept_hours: LogHours = LOG_KEPT_HOURS,
    log_kept_bytes: LogBytes = LOG_KEPT_BYTES,
    atomic: Atomic = False,
    start_at: StartAt = "",
    two_way: TwoWay = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report to this file, also on failure.")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
    source_password_env: SourcePassword = SOURCE_VARIABLE,
    target_password_env: TargetPassword = TARGET_VARIABLE,
) -> int:
    """Move a database: one project, in the foreground, no server needed.

    The same command again goes on where the first one stopped.
    """
    from ferryman.cli.arguments import Given
    from ferryman.cli.run import RunSettings, run_project

    given = Given(
        source=source,
        target=target,
        objects=objects,
        exclude=exclude,
        rename=map_,
        where=where,
        columns=columns,
        leave_out=leave_out,
        transforms=transform,
        added=add_column,
        types=types,
        stop_when=stop_when,
        streams=streams,
        speed=speed,
        defer_indexes=defer_indexes,
        name=name,
        allow_not_empty=allow_not_empty,
        skip_prechecks=skip_precheck,
        on_value=on_value,
        conflicts=conflicts,
        log_kept_hours=log_kept_hours,
        log_kept_bytes=log_kept_bytes,
        atomic=atomic,
        start_at=start_at,
        two_way=two_way,
        password_variables=(source_password_env, target_password_env),
    )
    settings = RunSettings(data_dir=data_dir or default_data_dir(), fresh=fresh, report=report, json=json)
    return run_project(given.wish(report), settings)


@app.command()
def check(
    source: Source,
    target: Target,
    objects: Objects = None,
    exclude: Exclude = None,
    map_: Map = None,
    where: Where = None,
    columns: Columns = None,
    leave_out: LeaveOut = None,
    transform: Transform = None,
    add_column: AddColumn = None,
    types: Types = ALL_TYPES,
    allow_not_empty: NotEmpty = False,
    skip_precheck: Skip = None,
    on_value: OnValue = None,
    start_at: StartAt = "",
    json: Json = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page to this file, too.")
    ] = None,
    source_password_env: SourcePassword = SOURCE_VARIABLE,
    target_password_env: TargetPassword = TARGET_VARIABLE,
) -> int:
    """Look whether a move can work, how long it takes and what may go wrong, without touching anything."""
    from ferryman.cli.arguments import Given
    from ferryman.cli.prechecks import check_endpoints

    given = Given(
        source=source,
        target=target,
        objects=objects,
        exclude=exclude,
        rename=map_,
        where=where,
        columns=columns,
        leave_out=leave_out,
        transforms=transform,
        added=add_column,
        types=types,
        allow_not_empty=allow_not_empty,
        skip_prechecks=skip_precheck,
        on_value=on_value,
        start_at=start_at,
        password_variables=(source_password_env, target_password_env),
    )
    return check_endpoints(given.wish(), json=json, html=html)


@app.command()
def verify(
    source: Source,
    target: Target,
    objects: Objects = None,
    exclude: Exclude = None,
    map_: Map = None,
    where: Where = None,
    columns: Columns = None,
    leave_out: LeaveOut = None,
    transform: Transform = None,
    add_column: AddColumn = None,
    on_value: OnValue = None,
    streams: Streams = 0,
    json: Json = False,
    source_password_env: SourcePassword = SOURCE_VARIABLE,
    target_password_env: TargetPassword = TARGET_VARIABLE,
) -> int:
    """Compare every row of two databases; exit code 4 when rows differ."""
    from ferryman.cli.arguments import Given
    from ferryman.cli.comparison import verify_endpoints

    given = Given(
        source=source,
        target=target,
        objects=objects,
        exclude=exclude,
        rename=map_,
        where=where,
        columns=columns,
        leave_out=leave_out,
        transforms=transform,
        added=add_column,
        on_value=on_value,
        streams=streams,
        password_variables=(source_password_env, target_password_env),
    )
    return verify_endpoints(given.wish(), json=json)


@app.command()
def repair(
    source: Source,
    target: Target,
    objects: Objects = None,
    exclude: Exclude = None,
    map_: Map = None,
    where: Where = None,
    columns: Columns = None,
    leave_out: LeaveOut = None,
    transform: Transform = None,
    add_column: AddColumn = None,
    on_value: OnValue = None,
    streams: Streams = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the SQL to this file, else to standard output.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it: write what the source holds now to the target.")
    ] = False,
    source_password_env: SourcePassword = SOURCE_VARIABLE,
    target_password_env: TargetPassword = TARGET_VARIABLE,
) -> int:
    """Compare two databases and print the SQL that makes the target equal; it is run only with --apply."""
    from ferryman.cli.arguments import Given
    from ferryman.cli.comparison import print_repairs

    given = Given(
        source=source,
        target=target,
        objects=objects,
        exclude=exclude,
        rename=map_,
        where=where,
        columns=columns,
        leave_out=leave_out,
        transforms=transform,
        added=add_column,
        on_value=on_value,
        streams=streams,
        password_variables=(source_password_env, target_password_env),
    )
    return print_repairs(given.wish(), output, run=apply)


@app.command()
def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8089,
    data_dir: DataDir = None,
    executor: Annotated[str, typer.Option(metavar="NAME", help="Where tasks run: local.")] = "local",
    metadb: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="FERRYMAN_METADB",
            help="Where state is kept instead of a file in --data-dir: postgresql://, mysql://, oceanbase:// with a"
            " database. Put the password into FERRYMAN_METADB_PASSWORD.",
        ),
    ] = "",
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate (PEM, with its chain).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key (PEM).")] = None,
) -> int:
    """Run the service: the OMS operations, the native API, metrics and the web console."""
    from ferryman.cli.serving import certificate, serve_until_told

    tls = certificate(tls_cert, tls_key)
    return serve_until_told(data_dir or default_data_dir(), host, port, executor, tls, metadb)


@app.command("rotate-secret-key")
def rotate_secret_key(
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory; it must not be running.")] = None,
) -> int:
    """Seal all stored passwords with a new key, and forget the old one."""
    from ferryman.cli.rotation import rotate

    return rotate(data_dir or default_data_dir())


@app.command("explain-lag")
def explain_lag(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id of the project.")],
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Read the state of a `ferryman run` there, without a service."),
    ] = None,
    json: Json = False,
    url: Url = None,
    user: User = None,
    password: Password = None,
) -> int:
    """Say how far a project is behind its source, and what holds it up."""
    from ferryman.cli.following import print_lag

    return print_lag(project, data_dir, (url, user, password), json=json)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service and the databases up.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Show OceanBase into Kafka instead.")] = False,
) -> int:
    """Watch a live move: MariaDB into OceanBase, while it is being written to."""
    from ferryman.cli.demonstration import run_demo

    return run_demo(keep=keep, sync=sync)


@app.command()
def version() -> None:
    """Print the version."""
    from ferryman import __version__

    typer.echo(f"ferryman {__version__}")
