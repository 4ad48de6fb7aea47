"""``ferryman check``: the prechecks of a project and what it will take, without touching anything."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli import estimates
from ferryman.cli.report import as_text, write_text
from ferryman.model.project import ProjectSpec
from ferryman.model.serial import to_json
from ferryman.pipeline.precheck import Assessment, assess_project
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.url import format_url

ENVIRONMENT = 3
WORDS = {"PASSED": "ok", "WARNED": "warning", "FAILED": "FAILED"}


def check_endpoints(wish: Wish, *, json: bool, html: Path | None = None) -> int:
    """Check a wish and tell what was found; returns 0, or 3 when something stands in the way."""
    spec = spec_of(wish)
    found = assess_project(spec)
    failed = [result for result in found.results if stands_in_the_way(result, spec.skip_prechecks)]
    verdict = conclusion(found.results, failed)
    if html is not None:
        from ferryman.cli.assessment_page import assessment_page

        ends = format_url(spec.source), format_url(spec.target)
        write_text(html, assessment_page(spec.name, ends, found, verdict, passed=not failed))
    sys.stdout.write(as_text(document(found, failed)) if json else _text(spec, found, verdict))
    return ENVIRONMENT if failed else 0


def document(found: Assessment, failed: Sequence[CheckResult]) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "passed": not failed,
        "items": [to_json(result) for result in found.results],
        "estimate": to_json(found.estimate),
        "risks": [to_json(risk) for risk in found.risks],
    }


def _text(spec: ProjectSpec, found: Assessment, verdict: str) -> str:
    ends = [f"from {format_url(spec.source)}", f"to   {format_url(spec.target)}", ""]
    items = [line for result in found.results for line in item_lines(to_json(result))]
    tables = estimates.table_lines(found.estimate)
    what = [*tables, *([""] if tables else []), *estimates.estimate_lines(found.estimate)]
    risks = estimates.risk_lines(found.risks)
    return "\n".join([*ends, *items, "", *what, "", *risks, *([""] if risks else []), verdict]) + "\n"


def stands_in_the_way(result: CheckResult, skipped: Sequence[str]) -> bool:
    """Whether a project could not start because of this item."""
    return result.verdict is Verdict.FAILED and not (result.skippable and result.item in skipped)


def conclusion(results: Sequence[CheckResult], failed: Sequence[CheckResult]) -> str:
    """Return the last line."""
    if failed:
        skippable = [result.item for result in failed if result.skippable]
        more = f" ({', '.join(skippable)} could be skipped: --skip-precheck)" if skippable else ""
        return f"it cannot work yet: {len(failed)} of {len(results)} checks failed{more}"
    warned = sum(result.verdict is Verdict.WARNED for result in results)
    return "it can work" + (f"; read the {warned} warnings" if warned > 1 else "; read the warning" if warned else "")


def item_lines(item: Mapping[str, Any]) -> list[str]:
    """Return an item as lines: verdict, title and side; then what was found, what mends it."""
    failed = item["verdict"] == "FAILED"
    code = f" [{item['code']}]" if failed and item.get("code") else ""
    lines = [f"{WORDS[item['verdict']]:<8} {item['side']:<7} {item['title']}  ({item['item']}){code}"]
    if item["verdict"] != "PASSED":
        lines += _indented(item.get("message") or "", "")
        lines += _indented(item.get("hint") or "", "→ ")
        lines += [f"{'':17}    {line}" for line in (item.get("fix_sql") or "").splitlines()]
    return lines


def _indented(text: str, mark: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=f"{'':17}{mark}", subsequent_indent=f"{'':17}{' ' * len(mark)}")
