"""Prechecks asked for without running a project: they look at both endpoints and change nothing."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any

from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError, UsageError, cited
from ferryman.metadb import precheck_runs
from ferryman.metadb.store import MetaDb
from ferryman.model.project import ProjectSpec
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.precheck.estimate import Estimate
from ferryman.pipeline.precheck.risks import Risk
from ferryman.spi.precheck import CheckResult, Verdict

KEPT = 100
"""So many tables of an estimate and objects of a risk are kept with a run; `POST /api/v1/assessment` answers all."""

AT_ONCE = 4
"""So many prechecks run beside each other; the others wait as PENDING."""

_LOGGER = logging.getLogger("ferryman.control")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecheckRun:
    """One precheck: ``PENDING``, ``RUNNING``, ``FINISHED`` (all items pass), or ``FAILED``.

    Attributes:
        estimate: What the project will take, with its largest tables; `None` before the end.
        risks: Those that repeat no item.
        error: Why it stopped before all items were asked.
    """

    id: str
    project_id: str = ""
    status: str = "PENDING"
    results: tuple[CheckResult, ...] = ()
    estimate: Estimate | None = None
    risks: tuple[Risk, ...] = ()
    error: dict[str, Any] | None = None


class Prechecks:
    """Runs prechecks in threads and keeps their outcome. Thread-safe."""

    def __init__(self, metadb: MetaDb) -> None:
        self._metadb = metadb
        self._gate = threading.Semaphore(AT_ONCE)
        with metadb.writing() as tx:
            precheck_runs.abandon(tx)  # what ran in a service before this one has no thread any more

    def submit(self, spec: ProjectSpec, project_id: str = "") -> str:
        """Begin a precheck and return its id."""
        run = PrecheckRun(id=f"pc_{secrets.token_hex(8)}", project_id=project_id)
        with self._metadb.writing() as tx:
            precheck_runs.insert(tx, run.id, project_id, run.status, to_json(run), unix_now())
        threading.Thread(target=self._run, args=(run, spec), name=f"precheck {run.id}", daemon=True).start()
        return run.id

    def result(self, run_id: str) -> PrecheckRun:
        """Return a precheck as it stands; ``precheck.unknown``."""
        with self._metadb.reading() as tx:
            found = precheck_runs.get(tx, run_id)
        if found is None:
            raise UsageError("precheck.unknown", f"there is no precheck {cited(run_id)}")
        status, document = found
        return replace(from_json(PrecheckRun, document), status=status)

    def _run(self, run: PrecheckRun, spec: ProjectSpec) -> None:
        with self._gate:
            self._keep(replace(run, status="RUNNING"))
            self._keep(self._checked(run, spec))

    def _checked(self, run: PrecheckRun, spec: ProjectSpec) -> PrecheckRun:
        from ferryman.pipeline.precheck.assessment import assess_project

        try:
            assessment = assess_project(spec)
        except FerrymanError as error:
            return replace(run, status="FAILED", error=error.to_json())
        except Exception:  # the thread's edge: the run must not stay RUNNING for ever
            _LOGGER.exception("precheck %s met a defect", run.id)
            defect = FerrymanError("internal.error", "the precheck met a defect")
            return replace(run, status="FAILED", error=defect.to_json())
        results = assessment.results
        failed = any(result.verdict is Verdict.FAILED for result in results)
        estimate = replace(assessment.estimate, tables=assessment.estimate.tables[:KEPT])
        risks = tuple(replace(risk, objects=risk.objects[:KEPT]) for risk in assessment.risks if not risk.is_item)
        status = "FAILED" if failed else "FINISHED"
        return replace(run, status=status, results=results, estimate=estimate, risks=risks)

    def _keep(self, run: PrecheckRun) -> None:
        try:
            with self._metadb.writing() as tx:
                precheck_runs.update(tx, run.id, run.status, to_json(run))
        except FerrymanError as error:
            _LOGGER.error("precheck %s could not be kept: %s", run.id, error)
