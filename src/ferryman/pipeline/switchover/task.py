"""The switchover's task: does on both servers what control asks, stage by stage, and answers.

It may be killed at any instant (I8): what was asked stands in a note until its answer does, and everything it does can
be done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ferryman.foundation.backoff import Backoff
from ferryman.foundation.errors import AWAY, FerrymanError, LeaseLostError
from ferryman.model.project import StepProgress
from ferryman.model.serial import to_json
from ferryman.model.switchover import SUB_STEP, Stage, SubStep
from ferryman.pipeline.logstore import leave
from ferryman.pipeline.precheck.project import check_project
from ferryman.pipeline.precheck.step import failure
from ferryman.pipeline.switchover.ends import Ends, ends_of, target_as_source
from ferryman.pipeline.switchover.objects import settle_objects
from ferryman.pipeline.switchover.reversal import reverse_spec
from ferryman.pipeline.switchover.still import InterruptedLook, require_still
from ferryman.spi.precheck import Verdict
from ferryman.spi.task import SWITCH_ANSWER_NOTE, SWITCH_ASK_NOTE, TaskContext

LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 300.0
"""So long a server that is away is waited for, before the operator is asked."""
PRECHECK_SECONDS = 60.0
"""Likewise while nothing has begun yet: nobody has stopped an application."""
OVER = "over"
"""What is asked when nothing is left to do."""

Asked = dict[str, Any]
Answer = dict[str, Any]


def run(context: TaskContext) -> None:
    """Work until told that the switchover is done, or to end.

    What passes by itself (a server that is away) is waited for; it and the rest are answers.
    """
    while not context.stop_requested():
        asked = _asked(context)
        context.report(_progress(asked["stage"], asked.get("awaits", "")))
        if asked["stage"] == OVER:
            return
        if asked["stage"] and not _is_answered(context, asked):
            _answer(context, asked)
        context.wait(LOOK_SECONDS)


def _asked(context: TaskContext) -> Asked:
    return context.note(SWITCH_ASK_NOTE) or {"stage": "", "round": 0}


def _progress(stage: str, awaits: str = "") -> StepProgress:
    if stage == OVER:
        return StepProgress(percent=100, message="done")
    if not stage:
        return StepProgress(message="waiting")
    place = list(SubStep).index(SUB_STEP[Stage(stage)])
    return StepProgress(percent=100 * place // len(SubStep), message=f"{stage}: {awaits}" if awaits else stage)


def _is_answered(context: TaskContext, asked: Asked) -> bool:
    answer = context.note(SWITCH_ANSWER_NOTE)
    return answer is not None and answer["round"] == asked["round"]


def _answer(context: TaskContext, asked: Asked) -> None:
    error, data = None, {}
    try:
        data = _patiently(context, asked)
    except InterruptedLook:
        return
    except LeaseLostError:
        raise
    except FerrymanError as problem:
        error = problem.to_json() | {"context": {name: str(value) for name, value in problem.context.items()}}
    context.set_note(SWITCH_ANSWER_NOTE, {"round": asked["round"], "error": error, "data": data})


def _patiently(context: TaskContext, asked: Asked) -> Answer:
    """Do what was asked, again and again while a server is away: all of it can be done again."""
    backoff = Backoff(PRECHECK_SECONDS if asked["stage"] == Stage.PRECHECK.value else PATIENCE_SECONDS, most=5.0)
    told = False
    while True:
        try:
            with ends_of(context) as ends:
                return WORK[Stage(asked["stage"])](ends, asked)
        except FerrymanError as problem:
            pause = backoff.failed(problem)
            if not told:
                context.event("warning", f"switchover: waits at {asked['stage']}: {problem.message}", code=problem.code)
                told = True
            context.report(_progress(asked["stage"], f"waits: {problem.message}"))
        if context.wait(pause) or _asked(context)["round"] != asked["round"]:
            raise InterruptedLook


# What is done in the stages -------------------------------------------------------------------------------------------


def _precheck(ends: Ends, asked: Asked) -> Answer:
    """Look at the way back: may the source be written to, does the target have a log, are the tables there."""
    if not asked["reverses"]:
        return {}
    spec = reverse_spec(ends.context.spec, "reverse", ends.reversed_selection(), applies=True)
    results = check_project(spec)
    failed = [each for each in results if each.verdict is Verdict.FAILED and each.item not in asked["skip"]]
    if failed:
        away = [each for each in failed if each.code in AWAY]
        raise failure(away[:1] or failed)
    return {"items": len(results)}


def _target_log(ends: Ends, asked: Asked) -> Answer:
    """Have the target keep its log, and read its end: a record or a pulse proves that it can be read."""
    selection = ends.reversed_selection()
    with target_as_source(ends.context, selection) as source:
        position = source.keep_log(asked["reverse"], selection)
        with source.log(position) as records:
            for record in records:
                if record is not None:
                    break
                if ends.context.stop_requested():
                    raise InterruptedLook
    return {"target_log": str(position)}


def _end(ends: Ends, _asked: Asked) -> Answer:
    return {"source_end": to_json(ends.source.current_position())}


def _still(ends: Ends, asked: Asked) -> Answer:
    """Prove that the source is still; then take the target's place: all that we have written there lies before it."""
    require_still(ends)
    if not asked["reverses"]:
        return {}
    selection = ends.reversed_selection()
    with target_as_source(ends.context, selection) as source:
        position = source.keep_log(asked["reverse"], selection)
    return {"target_start": to_json(position), "selection": to_json(selection)}


def _still_again(ends: Ends, _asked: Asked) -> Answer:
    require_still(ends)
    return {}


def _stop_forward(ends: Ends, _asked: Asked) -> Answer:
    """Let the source's log go: nobody will read it for this project again."""
    ends.source.release_log(ends.context.project_id)
    leave(ends.context.data_dir, ends.context.project_id)
    return {}


def _objects(ends: Ends, _asked: Asked) -> Answer:
    left = settle_objects(ends)
    for each in left:
        ends.context.event("warning", f"left out by the schema step, for you to make now: {each}")
    return {"left_out": left}


WORK: dict[Stage, Callable[[Ends, Asked], Answer]] = {
    Stage.PRECHECK: _precheck,
    Stage.TARGET_LOG: _target_log,
    Stage.END: _end,
    Stage.STILL: _still,
    Stage.STILL_AGAIN: _still_again,
    Stage.STOP_FORWARD: _stop_forward,
    Stage.OBJECTS: _objects,
}
