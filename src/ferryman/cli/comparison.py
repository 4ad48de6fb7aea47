"""``ferryman verify`` and ``ferryman repair``: two databases compared without a project."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli import words
from ferryman.cli.problems import INTERRUPTED
from ferryman.cli.report import DIFFERENT, as_text, write_text
from ferryman.cli.run import stop_signals
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.project import ProjectSpec, StepProgress, TableProgress
from ferryman.model.serial import to_json
from ferryman.pipeline.verify import VerifyReport, compare_endpoints, repair
from ferryman.spi.url import format_url

PLAIN_SECONDS = 3.0
SHOWN_ROWS = 10
"""Differing rows of a table that are shown; all are in the JSON."""

KINDS = {
    MismatchKind.MASTER_ONLY: "missing in the target",
    MismatchKind.IMAGE_ONLY: "only in the target",
    MismatchKind.MISMATCHED: "differs",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison and whether it was broken off."""

    report: VerifyReport
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """0 equal, 4 different, 130 broken off; differences found count even then."""
        if self.report.differences:
            return DIFFERENT
        return INTERRUPTED if self.interrupted else 0


def verify_endpoints(wish: Wish, *, json: bool) -> int:
    """Compare and tell what differs."""
    spec = spec_of(wish)
    found = _compare(spec, sys.stderr if json else sys.stdout)
    if json:
        sys.stdout.write(as_text(_document(found.report)))
    else:
        sys.stdout.write("\n".join(_lines(found)) + "\n")
    return found.exit_code


def print_repairs(wish: Wish, output: Path | None, *, run: bool) -> int:
    """Compare, then print the SQL that makes the target equal, or run it."""
    spec = spec_of(wish)
    found = _compare(spec, sys.stderr)
    mismatches = [mismatch for rows in found.report.mismatches.values() for mismatch in rows]
    if run:
        done = repair.apply(spec, mismatches)
        for table, rows in sorted(done.items()):
            sys.stderr.write(f"{table}: {words.plural(rows, 'row')} written or deleted\n")
        sys.stderr.write(
            "repaired; `ferryman verify` proves it\n" if mismatches else "nothing to repair: both sides are equal\n"
        )
        return INTERRUPTED if found.interrupted else 0
    text = "\n".join(repair.correction_sql(mismatches).values())
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
    sys.stderr.write(_repair_verdict(found.report) + "\n")
    return found.exit_code


def _compare(spec: ProjectSpec, out: TextIO) -> Comparison:
    out.write(f"comparing {format_url(spec.source)}\n     with {format_url(spec.target)}\n")
    with stop_signals() as stopped, _progress(out) as show:
        report = compare_endpoints(spec, progress=show, stop=stopped.is_set)
    return Comparison(report, stopped.is_set())


class _Progress:
    """Says how far the comparison is: one line that renews itself in a terminal, a line now and then elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._live, self._last = out, out.isatty(), time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, progress: StepProgress, tables: Sequence[TableProgress]) -> None:
        with self._lock:
            if not self._live and time.monotonic() - self._last < PLAIN_SECONDS:
                return
            self._last = time.monotonic()
            done = sum(table.state == "done" for table in tables)
            rows, rate = words.plural(progress.rows, "row"), words.rate(progress.rows_per_second)
            text = f"{progress.percent:>3} %  {done} of {words.plural(len(tables), 'table')}  {rows}  {rate}".rstrip()
            self._out.write(f"\r\x1b[K{text}" if self._live else f"{text}\n")
            self._out.flush()

    def close(self) -> None:
        """Wipe the line."""
        if self._live:
            self._out.write("\r\x1b[K")
            self._out.flush()


@contextmanager
def _progress(out: TextIO) -> Iterator[_Progress]:
    shown = _Progress(out)
    try:
        yield shown
    finally:
        shown.close()


def _lines(found: Comparison) -> list[str]:
    report = found.report
    width = max((len(table.table) for table in report.tables), default=0)
    lines = [_table_line(table, width) for table in report.tables]
    for table, mismatches in report.mismatches.items():
        lines += _difference_lines(table, mismatches)
    return [*lines, "", _verdict(found)]


def _table_line(table: TableProgress, width: int) -> str:
    state = {"done": "equal", "failed": "FAILED", "running": "not finished", "waiting": "not compared"}[table.state]
    if table.mismatches:
        state = words.differing(table.mismatches)
    remark = f"  {table.message}" if table.message else ""
    return f"{table.table:<{width}}  {words.count(table.rows):>12} rows  {state}{remark}"


def _difference_lines(table: str, mismatches: Sequence[Mismatch]) -> list[str]:
    if not mismatches:
        return []
    lines = ["", f"{table}:"]
    for mismatch in mismatches[:SHOWN_ROWS]:
        key = ", ".join(f"{name}={value}" for name, value in mismatch.key.items())
        columns = ", ".join(dict.fromkeys((*mismatch.source, *mismatch.target)))
        where = f" in {columns}" if mismatch.kind is MismatchKind.MISMATCHED and columns else ""
        times = f" ({mismatch.count} times)" if mismatch.count > 1 else ""
        lines.append(f"  {_short(key)}  {KINDS[mismatch.kind]}{where}{times}")
    more = len(mismatches) - SHOWN_ROWS
    return [*lines, f"  … and {words.count(more)} more (--json shows all)"] if more > 0 else lines


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _verdict(found: Comparison) -> str:
    report = found.report
    rows = sum(table.rows for table in report.tables)
    compared = f"{words.plural(len(report.tables), 'table')}, {words.plural(rows, 'row')}"
    if report.differences:
        text = f"NOT equal: {words.differing(report.differences)} in {compared}"
        return text + "\n  → `ferryman repair` with the same options prints the SQL that makes the target equal"
    if found.interrupted:
        return f"broken off: no difference in what was compared so far ({compared})"
    return f"equal: {compared}, 0 differences" if report.tables else "nothing to compare: no table is chosen"


def _repair_verdict(report: VerifyReport) -> str:
    if not report.differences:
        return "nothing to repair: both sides are equal"
    return (
        f"{words.differing(report.differences)}; read the SQL, then run it at the target, or use --apply. "
        "Do neither while a project applies changes to these tables."
    )


def _document(report: VerifyReport) -> dict[str, Any]:
    return {
        "equal": report.differences == 0,
        "differences": report.differences,
        "tables": [
            {
                "name": table.table,
                "rows": table.rows,
                "mismatches": table.mismatches,
                "state": table.state,
                "message": table.message,
                "rows_that_differ": [to_json(mismatch) for mismatch in report.mismatches.get(table.table, ())],
            }
            for table in report.tables
        ],
    }
