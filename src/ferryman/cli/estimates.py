"""An estimate and its risks in words; the terminal and the page of ``ferryman check`` say the same."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ferryman.cli import words
from ferryman.pipeline.precheck.estimate import Estimate, Range
from ferryman.pipeline.precheck.risks import Risk

SHOWN = 12
"""Names told in the terminal and tables listed there; the JSON document and the page have all."""

EXPLANATION = (
    "By the source's catalog alone: no row was read for it. Times are those measured on one machine of two cores (docs/cli.md), "
    "from half of them to five times."
)


def facts(estimate: Estimate) -> list[tuple[str, str]]:
    """Return what is estimated: what it is, and how much."""
    return [
        ("tables", _tables(estimate)),
        ("rows", f"about {words.count(estimate.rows)}" if estimate.rows else "unknown"),
        ("data at the source", f"about {words.size(estimate.bytes)}" if estimate.bytes else "unknown"),
        ("time of the load", _time(estimate.load_seconds, estimate)),
        ("time of the comparison", _time(estimate.verify_seconds, estimate)),
        ("space at the target", _space(estimate)),
        ("growth of the source's log", _growth(estimate.log_bytes_per_second)),
        ("space in the log store", _log_store(estimate)),
    ]


def estimate_lines(estimate: Estimate) -> list[str]:
    """Return the facts for a terminal."""
    told = facts(estimate)
    width = max(len(name) for name, _ in told)
    return ["estimate (by the source's catalog; no row was read for it)"] + [
        f"  {name:<{width}}  {text}" for name, text in told
    ]


def table_lines(estimate: Estimate) -> list[str]:
    """Return the largest tables for a terminal."""
    shown = estimate.tables[:SHOWN]
    width = max((len(each.table) for each in shown), default=0)
    lines = [f"  {each.table:<{width}}  {rows_of(each.rows):>16} rows  {size_of(each.bytes):>10}" for each in shown]
    more = len(estimate.tables) - SHOWN
    return (
        ["tables, the largest first", *lines, *([f"  … and {words.count(more)} more"] if more > 0 else [])]
        if lines
        else []
    )


def risk_lines(risks: Sequence[Risk]) -> list[str]:
    """Return the risks for a terminal; those that are items of the precheck stand above them already."""
    own = [risk for risk in risks if not risk.is_item]
    return ["risks", *(line for risk in own for line in _risk(risk))] if own else []


def rows_of(rows: int) -> str:
    """Return a guess of rows; a dash where there is none."""
    return words.count(rows) if rows else "–"


def size_of(bytes_: int) -> str:
    """Return a guess of bytes; a dash where there is none."""
    return words.size(bytes_) if bytes_ else "–"


def span(seconds: Range) -> str:
    """Return a span of time as people say it."""
    if seconds.most < 1:
        return "less than a second"
    return f"{words.duration(seconds.least)} to {words.duration(seconds.most)}"


def _risk(risk: Risk) -> list[str]:
    text = f"{risk.message}: {_listed(risk.objects)}" if risk.objects else risk.message
    first = textwrap.wrap(text, 110, initial_indent=f"  {risk.level.value:<7} ", subsequent_indent=f"{'':10}")
    return first + textwrap.wrap(risk.hint, 110, initial_indent=f"{'':10}→ ", subsequent_indent=f"{'':12}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {words.count(len(names) - SHOWN)} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _tables(estimate: Estimate) -> str:
    without = f"; of {words.count(estimate.unknown)} the catalog has no figures" if estimate.unknown else ""
    return f"{words.count(len(estimate.tables))}{without}"


def _time(seconds: Range | None, estimate: Estimate) -> str:
    if seconds is None:
        return "not part of this, or never measured for such a target"
    return span(seconds) if estimate.rows or estimate.bytes else "unknown"


def _space(estimate: Estimate) -> str:
    if not estimate.bytes:
        return "unknown"
    beside = (
        f"; secondary indexes ({words.count(estimate.secondary_indexes)}) come on top"
        if estimate.secondary_indexes
        else ""
    )
    return f"about {words.size(estimate.bytes)} for the rows, as they lie at the source{beside}"


def _growth(rate: float | None) -> str:
    return "cannot be told" if rate is None else f"{words.size(rate)}/s, just now"


def _log_store(estimate: Estimate) -> str:
    if estimate.log_store_bytes is None:
        return "cannot be told"
    if not (estimate.rows or estimate.bytes):
        return "unknown"
    least, most = estimate.log_store_bytes.least, estimate.log_store_bytes.most
    return f"at most {words.size(least)} to {words.size(most)} when the load ends, at this growth"
