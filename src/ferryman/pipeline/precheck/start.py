"""Asks the source for the place in its log at which a project is to begin."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import ProjectSpec
from ferryman.spi import ends
from ferryman.spi.precheck import CheckResult, Verdict

_ITEM, _TITLE = "DB_INCR_START", "the log has the place to begin at"


def start_checks(spec: ProjectSpec) -> list[CheckResult]:
    """Check the place a person named, if one was."""
    name = spec.apply.start_position
    if not name:
        return []
    source = ends.source_of(spec)
    try:
        ends.naming(source, spec.source).check_name(name)
    except FerrymanError as error:
        return [_result(Verdict.FAILED, error.message, hint=error.hint, code=error.code)]
    finally:
        source.close()
    return [_result(Verdict.PASSED, name)]


def _result(verdict: Verdict, message: str, *, hint: str = "", code: str = "precheck.failed") -> CheckResult:
    return CheckResult(item=_ITEM, side="source", verdict=verdict, title=_TITLE, message=message, hint=hint, code=code)
