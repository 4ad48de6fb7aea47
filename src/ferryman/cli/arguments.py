"""The options that ``run``, ``check``, ``verify`` and ``repair`` share, and what they mean together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.api.native.creation import Wish, policies_of, steps_of
from ferryman.cli import options
from ferryman.cli.flags import LOG_KEPT_BYTES, LOG_KEPT_HOURS
from ferryman.cli.report import failure_report, write_report
from ferryman.foundation.errors import FerrymanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Options as they were given."""

    source: str
    target: str
    password_variables: tuple[str, str]
    objects: Sequence[str] | None = None
    exclude: Sequence[str] | None = None
    rename: Sequence[str] | None = None
    where: Sequence[str] | None = None
    columns: Sequence[str] | None = None
    leave_out: Sequence[str] | None = None
    transforms: Sequence[str] | None = None
    added: Sequence[str] | None = None
    types: str = "schema,full,incremental,verify"
    stop_when: str = "never"
    streams: int = 0
    speed: str = "normal"
    defer_indexes: bool | None = None
    name: str = ""
    allow_not_empty: bool = False
    skip_prechecks: Sequence[str] | None = None
    on_value: Sequence[str] | None = None
    conflicts: Sequence[str] | None = None
    log_kept_hours: int = LOG_KEPT_HOURS
    log_kept_bytes: str = LOG_KEPT_BYTES
    atomic: bool = False
    start_at: str = ""
    two_way: bool = False

    def wish(self, report: Path | None = None) -> Wish:
        """Read all of them; a report is written of the failure to do so.

        Raises:
            UsageError: ``usage.bad_url``, ``usage.wrong_option``.
        """
        try:
            return self._wish()
        except FerrymanError as error:
            write_report(report, failure_report(self.name or None, error))
            raise

    def _wish(self) -> Wish:
        source = options.endpoint("--source", self.source, self.password_variables[0])
        target = options.endpoint("--target", self.target, self.password_variables[1])
        types = options.types(self.types)
        steps_of(types)
        conflicts, conflicts_of = options.conflicts(self.conflicts)
        return Wish(
            name=options.check_name(self.name or options.default_name(source, target)),
            source=source,
            target=target,
            objects=options.patterns(self.objects),
            exclude=options.patterns(self.exclude),
            rename=options.renames(self.rename),
            where=options.filters(self.where),
            columns=options.column_rules(self.columns, self.leave_out, self.transforms, self.added),
            hash_key=os.environ.get(options.HASH_KEY_VARIABLE, ""),
            types=types,
            stop_when=options.stop_when(self.stop_when),
            streams=self.streams,
            speed=options.speed(self.speed),
            defer_indexes=self.defer_indexes,
            allow_not_empty=self.allow_not_empty,
            skip_prechecks=options.patterns(self.skip_prechecks),
            value_policies=policies_of(self.on_value or ()),
            conflicts=conflicts,
            conflicts_of=conflicts_of,
            log_kept_hours=self.log_kept_hours,
            log_kept_bytes=options.log_bytes(self.log_kept_bytes),
            atomic=self.atomic,
            start_at=self.start_at,
            two_way=self.two_way,
        )
