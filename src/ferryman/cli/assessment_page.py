"""The report of ``ferryman check`` as one HTML file: no script, nothing from outside, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from ferryman.cli import estimates
from ferryman.pipeline.precheck import Assessment
from ferryman.pipeline.precheck.estimate import TableEstimate
from ferryman.pipeline.precheck.risks import Risk
from ferryman.spi.precheck import CheckResult, Verdict

_VERDICTS = {Verdict.FAILED: "failed", Verdict.WARNED: "warning", Verdict.PASSED: "passed"}
_STYLE = """
:root { color-scheme: light dark; --bg: #fff; --text: #1d2330; --dim: #5b6472; --line: #dfe3ea; --panel: #f6f7f9;
  --good: #0a7a42; --warn: #8a5a00; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181f; --text: #e6e9ef; --dim: #9aa5b5; --line: #333b48;
  --panel: #1c222c; --good: #4cc38a; --warn: #e5b454; --bad: #ff8b80; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; background: var(--bg); color: var(--text);
  max-width: 64rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
.dim { color: var(--dim); } code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.verdict { border-left: 4px solid; background: var(--panel); padding: .7rem 1rem; margin: 1.2rem 0; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; color: var(--dim); }
th, td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 0; }
td p { margin: .2rem 0 0; } td.key { width: 5.5rem; white-space: nowrap; } td.name { width: 28%; color: var(--dim); }
pre { background: var(--panel); padding: .5rem .7rem; white-space: pre-wrap; margin: .4rem 0 0; }
.passed { color: var(--good); } .warning, .MEDIUM, .LOW { color: var(--warn); } .failed, .BLOCKS, .HIGH { color: var(--bad); }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } h2 { break-after: avoid; } }
@media print and (prefers-color-scheme: dark) { :root { --bg: #fff; --text: #000; --dim: #444; --line: #bbb; --panel: #f2f2f2;
  --good: #064; --warn: #640; --bad: #900; } }
"""


def assessment_page(name: str, ends: tuple[str, str], found: Assessment, verdict: str, *, passed: bool) -> str:
    """Return the page; `ends` are the URLs of source and target without passwords, `verdict` the conclusion."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = [
        f"<h1>{escape(name)}</h1>",
        f"<p class='dim'>from <code>{escape(ends[0])}</code><br>to <code>{escape(ends[1])}</code><br>looked at {made}</p>",
        f"<p class='verdict {'passed' if passed else 'failed'}'>{escape(verdict)}</p>",
        _facts(found),
        _risks([risk for risk in found.risks if not risk.is_item]),
        _items(found.results),
        _tables(found.estimate.tables),
    ]
    head = "<meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>"
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    title = f"<title>{escape(name)} – Ferryman check</title>"
    style = f"<style>{_STYLE}</style>"
    return f"<!doctype html>\n<html lang='en'><head>{head}{policy}{title}{style}</head>\n<body>{''.join(body)}</body></html>\n"


def _facts(found: Assessment) -> str:
    rows = [
        f"<tr><td class='name'>{escape(name)}</td><td>{escape(text)}</td></tr>"
        for name, text in estimates.facts(found.estimate)
    ]
    told = f"<p class='dim'>{escape(estimates.EXPLANATION)}</p>"
    return f"<h2>Estimate</h2><table>{''.join(rows)}</table>{told}"


def _risks(risks: Sequence[Risk]) -> str:
    if not risks:
        return "<h2>Risks</h2><p>None but what the checks below say.</p>"
    return f"<h2>Risks</h2><table>{''.join(map(_risk, risks))}</table>"


def _risk(risk: Risk) -> str:
    names = ", ".join(f"<code>{escape(name)}</code>" for name in risk.objects)
    which = f"<p>{names}</p>" if names else ""
    hint = f"<p class='dim'>→ {escape(risk.hint)}</p>" if risk.hint else ""
    level = f"<td class='key {risk.level.value}'>{risk.level.value}</td>"
    return f"<tr>{level}<td>{escape(risk.message)}{hint}{which}</td></tr>"


def _items(results: Iterable[CheckResult]) -> str:
    ordered = sorted(results, key=lambda result: list(_VERDICTS).index(result.verdict))
    return f"<h2>Checks</h2><table>{''.join(map(_item, ordered))}</table>"


def _item(result: CheckResult) -> str:
    word = _VERDICTS[result.verdict]
    code = f" <code>{escape(result.code)}</code>" if result.verdict is Verdict.FAILED else ""
    title = f"{escape(result.title)} <span class='dim'>({escape(result.side)}, <code>{escape(result.item)}</code>)</span>{code}"
    message = f"<p>{escape(result.message)}</p>" if result.message else ""
    hint = f"<p class='dim'>→ {escape(result.hint)}</p>" if result.hint and result.verdict is not Verdict.PASSED else ""
    sql = f"<pre>{escape(result.fix_sql)}</pre>" if result.fix_sql and result.verdict is not Verdict.PASSED else ""
    return f"<tr><td class='key {word}'>{word}</td><td>{title}{message}{hint}{sql}</td></tr>"


def _tables(tables: Sequence[TableEstimate]) -> str:
    if not tables:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each.table)}</code></td><td class='n'>{estimates.rows_of(each.rows)}</td>"
        f"<td class='n'>{estimates.size_of(each.bytes)}</td></tr>"
        for each in tables
    )
    head = "<tr><th>table</th><th class='n'>rows, about</th><th class='n'>data, about</th></tr>"
    return f"<h2>Tables</h2><table>{head}{rows}</table>"
