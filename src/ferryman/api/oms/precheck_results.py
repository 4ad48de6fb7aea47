"""The outcome of a precheck in OMS's words."""

from __future__ import annotations

from typing import Any

from ferryman.control.prechecks import PrecheckRun
from ferryman.spi.precheck import CheckResult, Verdict

_SIDES = {"source": "SOURCE", "target": "DEST", "both": "SOURCE"}
_STATUS = {Verdict.PASSED: "FINISHED", Verdict.WARNED: "FINISHED", Verdict.FAILED: "FAILED"}


def precheck_document(run: PrecheckRun) -> dict[str, Any]:
    """Return ``data`` of GetPreCheckResult; `progress` is a percentage."""
    results = [_item(result) for result in run.results]
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
