"""The outcome of a precheck in OMS's words."""

from __future__ import annotations

from typing import Any

from ferryman.control.prechecks import PrecheckRun
from ferryman.pipeline.precheck.estimate import Estimate
from ferryman.pipeline.precheck.risks import Risk
from ferryman.spi.precheck import CheckResult, Verdict

_SIDES = {"source": "SOURCE", "target": "DEST", "both": "SOURCE"}
_STATUS = {Verdict.PASSED: "FINISHED", Verdict.WARNED: "FINISHED", Verdict.FAILED: "FAILED"}

_SHOWN = 12


def precheck_document(run: PrecheckRun) -> dict[str, Any]:
    """Return ``data`` of GetPreCheckResult; `progress` is a percentage."""
    results = [_item(result) for result in run.results]
    if run.estimate is not None:
        results.append(_note("ESTIMATE", "Estimate of time and space", estimate_text(run.estimate)))
    results += [_note(f"RISK_{_word(risk.subject)}", f"Risk: {risk.subject}", _risk_text(risk)) for risk in run.risks]
    if run.error is not None:
        results.append(_stopped(run.error))
    return {
        "preCheckId": run.id,
        "preCheckStatus": run.status,
        "progress": 100.0 if run.status in {"FINISHED", "FAILED"} else 0.0,
        "preCheckResults": results,
    }


def _item(result: CheckResult) -> dict[str, Any]:
    message = "; ".join(part for part in (result.message, result.hint, result.fix_sql) if part)
    return {
        "name": result.title,
        "endpointType": _SIDES[result.side],
        "checkType": result.item,
        "status": _STATUS[result.verdict],
        "message": message or None,
        "skippable": result.skippable,
        "role": "MASTER",
    }


def _note(check_type: str, name: str, message: str) -> dict[str, Any]:
    """Return what is worth knowing and keeps nothing from starting."""
    return {
        "name": name,
        "endpointType": "SOURCE",
        "checkType": check_type,
        "status": "FINISHED",
        "message": message,
        "skippable": True,
        "role": "MASTER",
    }


def _word(subject: str) -> str:
    return subject.replace("-", "_").upper()


def estimate_text(estimate: Estimate) -> str:
    """Return an estimate as one line."""
    parts = [f"about {estimate.rows:,} rows and {estimate.bytes / 1e6:,.1f} MB at the source"]
    times = {"load": estimate.load_seconds, "comparison": estimate.verify_seconds}
    parts += [f"{name} {span.least:,.0f} to {span.most:,.0f} s" for name, span in times.items() if span is not None]
    if estimate.log_bytes_per_second is not None:
        parts.append(f"the source's log grows by {estimate.log_bytes_per_second / 1e6:,.3f} MB/s")
    if estimate.log_store_bytes is not None:
        parts.append(f"the log store holds at most {estimate.log_store_bytes.most / 1e6:,.1f} MB when the load ends")
    if estimate.unknown:
        parts.append(f"of {estimate.unknown:,} tables the catalog has no figures")
    return "; ".join(parts)


def _risk_text(risk: Risk) -> str:
    shown = ", ".join(risk.objects[:_SHOWN]) + (" …" if len(risk.objects) > _SHOWN else "")
    return "; ".join(part for part in (f"{risk.level.value}: {risk.message}", shown, risk.hint) if part)


def _stopped(error: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "Precheck",
        "endpointType": "SOURCE",
        "checkType": error["code"],
        "status": "FAILED",
        "message": error["message"],
        "skippable": False,
        "role": "MASTER",
    }
