"""Counts values that would not fit, before anything is written: one pass a table, side by side, within a budget.

Only columns are looked at whose types make it possible. What was not looked at in full is said.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.model.misfits import Misfit, Question
from ferryman.model.policies import Action
from ferryman.model.project import ProjectSpec
from ferryman.model.schema import Table
from ferryman.model.selection import exact_part, exact_pattern
from ferryman.pipeline.conversion import bound_actions, refusal
from ferryman.spi.counting import CountingSource, Counts
from ferryman.spi.precheck import CheckResult, FoundMisfit, Verdict

ITEM = "DB_VALUES"
SECONDS = 60.0
"""For all tables together."""
MOST_ROWS = 5_000_000
"""Of larger tables so many rows are looked at."""
PARALLEL = 4
_SHOWN = 12
_TITLE = "all values fit the target"
_WORDS = {
    Misfit.ZERO_DATE: "hold dates that no calendar has (0000-00-00 and the like)",
    Misfit.DATE_RANGE: "hold infinity, or a year before 1 or beyond 9999",
    Misfit.NOT_A_NUMBER: "hold NaN or infinity",
    Misfit.NUMBER_RANGE: "are out of the target's range",
    Misfit.DIGITS: "have more digits after the point than the target keeps",
    Misfit.TOO_LONG: "are longer than the target's column",
    Misfit.NUL: "hold the character NUL, which PostgreSQL has not",
    Misfit.ENUM_ERROR: "hold no label of their ENUM (the error value '')",
    Misfit.CHARSET: "hold characters that the target's character set lacks",
    Misfit.KEY_COLLISION: "share their key with another row under the target's collation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One table with its questions.

    Attributes:
        source: The source's table.
        target: Its table at the target.
        rows: How many rows are looked at; `None`: all.
    """

    source: Table
    target: Table
    questions: tuple[Question, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class _Finding:
    text: str
    refused: bool
    misfit: FoundMisfit


def value_checks(
    spec: ProjectSpec, source: object, asked: Sequence[Asked], *, seconds: float = SECONDS
) -> list[CheckResult]:
    """Count, and say what was found; one item, which the user may skip: then nothing is counted."""
    if ITEM in spec.skip_prechecks:
        return [_item(Verdict.WARNED, "not counted: skipped")]
    if not isinstance(source, CountingSource) or not asked:
        return [
            _item(Verdict.PASSED, "no column's types make it possible that a value does not fit" if not asked else "")
        ]
    answers = _answers(spec, source, asked, seconds)
    found = [finding for each, answer in answers for finding in _findings(spec, each, answer)]
    limits = _limits(answers)
    if not found:
        verdict = Verdict.WARNED if limits else Verdict.PASSED
        return [_item(verdict, "; ".join([f"counted in {len(asked)} tables", *limits]))]
    refused = [finding for finding in found if finding.refused]
    message = "; ".join([*_shown(found), *limits])
    misfits = tuple(finding.misfit for finding in found)
    if not refused:
        return [_item(Verdict.WARNED, message, misfits=misfits)]
    return [_item(Verdict.FAILED, message, _hint([finding.misfit for finding in refused]), misfits)]


def _hint(refused: Sequence[FoundMisfit]) -> str:
    """Name the very options, where a policy can be had."""
    options = [f"--on-value {shlex.quote(f'{each.policy}={each.actions[0]}')}" for each in refused if each.actions]
    if not options:
        return "change them at the source"
    more = " …" if len(options) > _SHOWN else ""
    clamp = " (or clamp)" if any("clamp" in each.actions for each in refused) else ""
    return f"change them at the source, or say what they shall become: {' '.join(options[:_SHOWN])}{more}{clamp}"


def _answers(
    spec: ProjectSpec, source: CountingSource, asked: Sequence[Asked], seconds: float
) -> list[tuple[Asked, Counts | str]]:
    """Ask for all tables, the smallest first; a text tells why there is no answer."""
    deadline = time.monotonic() + seconds
    pool = ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="values")
    ordered = sorted(asked, key=lambda each: each.source.row_estimate)

    def count(each: Asked) -> Counts:
        left = deadline - time.monotonic()
        if left <= 0:
            raise FutureTimeoutError
        where = spec.selection.where.get(str(each.source.name))
        return source.count_values(each.source, each.questions, where=where, rows=each.rows, seconds=left)

    try:
        waiting = [(each, pool.submit(count, each)) for each in ordered]
        return [(each, _answer(future, deadline)) for each, future in waiting]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(future: Future[Counts], deadline: float) -> Counts | str:
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()) + 1.0)
    except FutureTimeoutError:
        return "no time was left"
    except FerrymanError as error:
        return error.message


def _findings(spec: ProjectSpec, asked: Asked, answer: Counts | str) -> list[_Finding]:
    if isinstance(answer, str):
        return []
    sampled = f" (in the first {answer.rows} rows)" if _is_sample(asked, answer) else ""
    pairs = zip(asked.questions, answer.found, strict=True)
    return [_finding(spec, asked, question, count, sampled) for question, count in pairs if count]


def _finding(spec: ProjectSpec, asked: Asked, question: Question, count: int, sampled: str) -> _Finding:
    what = "rows" if question.misfit is Misfit.KEY_COLLISION else "values"
    text = f"{asked.source.name}.{question.where}: {count} {what} {_WORDS[question.misfit]}{sampled}"
    action = _action(spec, asked, question)
    told = _told(asked, question, count, action)
    if action is None:
        return _Finding(f"{text} [{question.misfit.value}]", refused=True, misfit=told)
    become = f"{text}, which become {_become(action)} ({question.misfit.value}={action.value})"
    return _Finding(become, refused=False, misfit=told)


def _told(asked: Asked, question: Question, count: int, action: Action | None) -> FoundMisfit:
    actions = _actions(asked, question)
    column = f"{exact_pattern(asked.source.name)}.{exact_part(question.columns[0])}"
    return FoundMisfit(
        policy=f"{column}:{question.misfit.value}" if actions else "",
        column=f"{asked.source.name}.{question.where}",
        misfit=question.misfit.value,
        count=count,
        action=(action or Action.FAIL).value,
        actions=actions,
    )


def _actions(asked: Asked, question: Question) -> tuple[str, ...]:
    """Return what a policy could do."""
    wanted = question.columns[0].casefold()
    there = next((each for each in asked.target.columns if each.name.casefold() == wanted), None)
    if there is None or question.misfit is Misfit.KEY_COLLISION:
        return ()
    return tuple(
        action.value
        for action in (Action.NULL, Action.CLAMP)
        if not refusal(asked.target, there, question.misfit, action)
    )


def _action(spec: ProjectSpec, asked: Asked, question: Question) -> Action | None:
    if question.misfit is Misfit.KEY_COLLISION:
        return None
    bound = bound_actions(spec.value_policies, asked.source.name, asked.target, question.columns[0])
    return bound.get(question.misfit)


def _become(action: Action) -> str:
    return "NULL" if action is Action.NULL else "the nearest that fits"


def _is_sample(asked: Asked, answer: Counts) -> bool:
    return asked.rows is not None and answer.rows >= asked.rows


def _limits(answers: Sequence[tuple[Asked, Counts | str]]) -> list[str]:
    """Say what was not looked at."""
    sampled = [each for each, answer in answers if not isinstance(answer, str) and _is_sample(each, answer)]
    silent = [f"{each.source.name} ({answer})" for each, answer in answers if isinstance(answer, str)]
    out = [
        f"of {each.source.name} only the first {each.rows} of about {each.source.row_estimate} rows" for each in sampled
    ]
    if silent:
        more = f" and {len(silent) - _SHOWN} more" if len(silent) > _SHOWN else ""
        out.append(f"not counted: {', '.join(silent[:_SHOWN])}{more}")
    return out


def _shown(found: Sequence[_Finding]) -> list[str]:
    """The refused ones first; all of them count, some are told."""
    ordered = sorted(found, key=lambda finding: not finding.refused)
    more = [f"and {len(ordered) - _SHOWN} more"] if len(ordered) > _SHOWN else []
    return [finding.text for finding in ordered[:_SHOWN]] + more


def _item(verdict: Verdict, message: str, hint: str = "", misfits: tuple[FoundMisfit, ...] = ()) -> CheckResult:
    return CheckResult(
        item=ITEM, side="both", verdict=verdict, title=_TITLE, message=message, hint=hint, skippable=True,
        code="precheck.value_misfit", misfits=misfits,
    )  # fmt: skip
