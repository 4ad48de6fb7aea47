"""Pages for people, made on the server: status at ``/`` and the native API's description at ``/docs``.

No script, no outside resource: the strict content policy holds, and a machine without the Internet shows them whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from ferryman import __version__
from ferryman.api.oms.steps import DESCRIPTIONS
from ferryman.control.views import ProjectView, StepView
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectStatus, StepName, StepStatus

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --good: #16803c; --bad: #c02626; --run: #1d62c4; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; color: var(--dim); }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
progress { width: 8rem; } .dim { color: var(--dim); overflow-wrap: anywhere; } code { font-size: .92em; }
.FINISHED, .MONITORING { color: var(--good); } .FAILED { color: var(--bad); } .RUNNING { color: var(--run); }
p.error { border-left: 3px solid var(--bad); padding-left: .8rem; overflow-wrap: anywhere; }
"""

_WORDS = {
    "INIT": "waiting",
    "RUNNING": "running",
    "MONITORING": "following the source",
    "SUSPEND": "paused",
    "FAILED": "failed",
    "FINISHED": "done",
    "RELEASING": "being released",
    "RELEASED": "released",
    "DELETED": "deleted",
}


def status_page(projects: Iterable[ProjectView]) -> str:
    """Return the page that lists projects with their progress; it renews itself every five seconds."""
    shown = "".join(_project(project) for project in projects)
    empty = (
        "<p>No project yet. Make one with <code>ferryman projects create</code>, "
        "or by the API: see <a href='/docs'>/docs</a>.</p>"
    )
    links = "<p class='dim'><a href='/docs'>API</a> · <a href='/metrics'>metrics</a> · renewed every 5 seconds</p>"
    return _page("Ferryman", (shown or empty) + links, refresh=5)


def login_problem_page(error: FerrymanError) -> str:
    """Return the page for a person whom the provider has sent back without a login."""
    hint = f"<p>{escape(error.hint)}</p>" if error.hint else ""
    told = f"<p class='error'>{escape(error.message)} <code>{escape(error.code)}</code></p>{hint}"
    return _page("Not logged in", f"<h1>Not logged in</h1>{told}<p><a href='/'>Back to the login</a></p>")


def docs_page(schema: dict[str, Any]) -> str:
    """Return the page that lists every call of an OpenAPI description."""
    rows = "".join(
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(_summary(call))}</td></tr>"
        for path, calls in sorted(schema["paths"].items())
        for method, call in calls.items()
    )
    intro = (
        "<p>Every call takes HTTP Basic. The machine-readable description is at <a href='/openapi.json'>/openapi.json</a>. "
        "The OMS operations go through <code>POST /api/v2?Action=…</code>.</p>"
    )
    table = f"<table><tr><th>method</th><th>path</th><th>what it does</th></tr>{rows}</table>"
    return _page("Ferryman API", intro + table)


def _page(title: str, body: str, refresh: int = 0) -> str:
    renew = f"<meta http-equiv='refresh' content='{refresh}'>" if refresh else ""
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>{renew}"
        "<meta name='viewport' content='width=device-width'><link rel='stylesheet' href='/style.css'></head>"
        f"<body><h1>{title} <span class='dim'>{escape(__version__)}</span></h1>{body}</body></html>"
    )


def _project(project: ProjectView) -> str:
    spec, word = project.spec, _WORDS[project.status.value]
    steps = "".join(_step(step, project) for step in project.steps)
    return (
        f"<h2>{escape(spec.name)} <span class='{project.status.value}'>{word}</span></h2>"
        f"<p class='dim'>{escape(str(spec.source))} → {escape(str(spec.target))} · <code>{escape(project.id)}</code></p>"
        f"{_error(project)}<table><tr><th>step</th><th>status</th><th>progress</th><th class='n'>rows</th>"
        f"<th class='n'>per second</th><th class='n'>behind</th></tr>{steps}</table>"
    )


def _step(step: StepView, project: ProjectView) -> str:
    progress = step.progress
    done = 100 if step.status is StepStatus.FINISHED else max(0, min(100, progress.percent))
    rate = _number(progress.rows_per_second) if step.status in {StepStatus.RUNNING, StepStatus.MONITORING} else ""
    late = progress.latency_seconds if project.status is ProjectStatus.RUNNING else None
    behind = f"{late:.1f} s" if late is not None and step.name is StepName.APPLY else ""
    rows = _number(progress.rows) if progress.rows else ""
    return (
        f"<tr><td>{DESCRIPTIONS[step.name]}</td><td class='{step.status.value}'>{_WORDS[step.status.value]}</td>"
        f"<td><progress max='100' value='{done}'>{done} %</progress></td><td class='n'>{rows}</td>"
        f"<td class='n'>{rate}</td><td class='n'>{behind}</td></tr>"
    )


def _error(project: ProjectView) -> str:
    error = project.error
    if error is None:
        return ""
    hint = f"<br>→ {escape(error.hint)}" if error.hint else ""
    return f"<p class='error'>[{escape(error.code)}] {escape(error.message)}{hint}</p>"


def _number(value: float) -> str:
    return f"{round(value):,}".replace(",", "\u202f")


def _summary(call: dict[str, Any]) -> str:
    return str(call.get("description") or call.get("summary") or "").split("\n")[0]
