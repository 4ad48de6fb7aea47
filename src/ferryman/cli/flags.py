"""The options that several commands share, as typer reads them; `ferryman.cli.arguments` says what they mean together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ALL_TYPES = "schema,full,incremental,verify"
LOG_KEPT_HOURS, LOG_KEPT_BYTES = 168, "50GiB"
SOURCE_VARIABLE, TARGET_VARIABLE = "FERRYMAN_SOURCE_PASSWORD", "FERRYMAN_TARGET_PASSWORD"

Source = Annotated[
    str,
    typer.Option(metavar="URL", help="mysql://user:password@host:port/database; the password may be left out."),
]
Target = Annotated[
    str,
    typer.Option(metavar="URL", help="oceanbase://user@tenant:password@host:2881/database"),
]
Objects = Annotated[
    list[str] | None,
    typer.Option("--objects", metavar="PATTERN", help="What moves: database.table, with * and ?; may be repeated."),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="What stays; stronger than --objects.")
]
Map = Annotated[
    list[str] | None, typer.Option("--map", metavar="OLD=NEW", help="New names: old=new, or old.table=new.table.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="TABLE:CONDITION", help="Rows of a table: 'database.table:condition'."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="TABLE:NAMES", help="The columns of a table that move: 'db.table:id,name'."),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="TABLE:NAMES", help="Columns of a table that stay: 'db.table:secret'."),
]
Transform = Annotated[
    list[str] | None,
    typer.Option(
        "--transform",
        metavar="TABLE:COLUMN=HOW",
        help="mask(FIRST,LAST), hash (keyed by FERRYMAN_HASH_KEY), null or constant(VALUE).",
    ),
]
AddColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--add-column", metavar="TABLE:COLUMN=VALUE", help="A new column: text with {database}, {table}, or a number."
    ),
]
Types = Annotated[str, typer.Option("--types", metavar="LIST", help="Any of schema, full, incremental, verify.")]
Streams = Annotated[int, typer.Option("--streams", metavar="N", min=0, max=256, help="Parallel streams; 0 chooses.")]
Speed = Annotated[
    str, typer.Option("--speed", metavar="MODE", help="steady, normal or fast: what the load may take; streams adapt.")
]
DeferIndexes = Annotated[
    bool | None,
    typer.Option(
        "--defer-indexes/--no-defer-indexes",
        help="Make indexes that are not unique after the load; unless said, where that is sooner done.",
    ),
]
Skip = Annotated[
    list[str] | None, typer.Option("--skip-precheck", metavar="ITEM", help="A precheck item whose failure you accept.")
]
OnValue = Annotated[
    list[str] | None,
    typer.Option(
        "--on-value",
        metavar="COLUMN:MISFIT=ACTION",
        help="What becomes of values that do not fit: 'database.table.column:zero-date=null', or =clamp; may be repeated.",
    ),
]
Conflicts = Annotated[
    list[str] | None,
    typer.Option(
        "--conflicts",
        metavar="POLICY",
        help="Changes the target refuses: stop, overwrite or skip-to-dead-letters; of one table: database.table=POLICY.",
    ),
]
LogHours = Annotated[
    int,
    typer.Option(
        "--log-kept-hours", min=0, max=87_600, metavar="N", help="So long the log store keeps what is applied."
    ),
]
LogBytes = Annotated[
    str,
    typer.Option(
        "--log-kept-bytes",
        metavar="SIZE",
        help="Above this size (64MiB, 20GiB) the log store lets go what is applied, however young.",
    ),
]
Atomic = Annotated[bool, typer.Option("--atomic", help="Readers see each source transaction whole, or not at all.")]
StartAt = Annotated[
    str,
    typer.Option(
        "--start-at",
        metavar="PLACE",
        help="Without a load: begin at this Unix second, or place in the source's log (FILE:OFFSET, GTIDs).",
    ),
]
TwoWay = Annotated[
    bool,
    typer.Option("--two-way", help="Another project moves changes the other way: send back none that came from there."),
]
NotEmpty = Annotated[bool, typer.Option("--allow-not-empty", help="Load into tables that hold rows.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output; all else on standard error.")]
SourcePassword = Annotated[
    str,
    typer.Option("--source-password-env", metavar="NAME", help="The environment variable with the source's password."),
]
TargetPassword = Annotated[
    str,
    typer.Option("--target-password-env", metavar="NAME", help="The environment variable with the target's password."),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Where state is kept; else the user's data folder.")
]
