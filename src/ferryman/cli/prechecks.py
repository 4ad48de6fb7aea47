"""``ferryman check``: the prechecks of a project, without touching anything."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ferryman.api.native.creation import Wish, spec_of
from ferryman.cli.report import as_text
from ferryman.model.serial import to_json
from ferryman.pipeline.precheck import check_project
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.url import format_url

ENVIRONMENT = 3
WORDS = {"PASSED": "ok", "WARNED": "warning", "FAILED": "FAILED"}


def check_endpoints(wish: Wish, *, json: bool) -> int:
    """Check a wish and tell what was found; returns 0, or 3 when something stands in the way."""
    spec = spec_of(wish)
    results = check_project(spec)
    failed = [result for result in results if stands_in_the_way(result, spec.skip_prechecks)]
    if json:
        document = {"passed": not failed, "items": [to_json(result) for result in results]}
        sys.stdout.write(as_text(document))
        return ENVIRONMENT if failed else 0
    sys.stdout.write(f"from {format_url(spec.source)}\nto   {format_url(spec.target)}\n\n")
    for result in results:
        sys.stdout.write("\n".join(item_lines(to_json(result))) + "\n")
    sys.stdout.write("\n" + conclusion(results, failed) + "\n")
    return ENVIRONMENT if failed else 0


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
