"""Turns one step of a project into its running task; steps are imported when they are run."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from typing import cast

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.serial import to_json
from ferryman.pipeline.logstore import leave
from ferryman.pipeline.plan import source_of
from ferryman.spi.connector import connector_for, is_sink
from ferryman.spi.task import TaskContext

RUNNERS: dict[StepName, tuple[str, str]] = {
    StepName.PRECHECK: ("ferryman.pipeline.precheck", "run"),
    StepName.SCHEMA: ("ferryman.pipeline.schema", "run"),
    StepName.CAPTURE: ("ferryman.pipeline.capture", "run"),
    StepName.LOAD: ("ferryman.pipeline.load", "run"),
    StepName.INDEX: ("ferryman.pipeline.schema", "run_indexes"),
    StepName.APPLY: ("ferryman.pipeline.apply", "run"),
    StepName.VERIFY: ("ferryman.pipeline.verify", "run"),
    StepName.SWITCHOVER: ("ferryman.pipeline.switchover.task", "run"),
}
"""Step → package and function; a function returns when its work is done or the task shall stop."""

PUBLISHERS: dict[StepName, tuple[str, str]] = {
    StepName.SCHEMA: ("ferryman.pipeline.publish", "run_topics"),
    StepName.LOAD: ("ferryman.pipeline.publish", "run_rows"),
    StepName.APPLY: ("ferryman.pipeline.publish", "run_changes"),
}
"""The same for the steps that differ when the target takes messages."""

DRAIN_NOTE = "apply.drain"
STOP_NOTE = "apply.stop_at"
DRAIN_LOOK_SECONDS = 0.5


def run_step(context: TaskContext) -> None:
    """Run the context's step."""
    runners = RUNNERS | PUBLISHERS if is_sink(context.spec.target) else RUNNERS
    package, function = runners[context.step]
    run = cast("Callable[[TaskContext], None]", getattr(importlib.import_module(package), function))
    if context.step is not StepName.APPLY:
        run(context)
        return
    with drain_watched(context):
        run(context)


# Draining ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def drain_watched(context: TaskContext) -> Iterator[None]:
    """Watch, beside apply, for control's wish to end: the source's end of log becomes the place to stop at.

    Control decides *that* apply shall end (note ``apply.drain``); where the source's log ends now is a question to the
    source, which the data plane asks. The place is taken once and kept: a restarted apply ends at the same one.
    """
    ended = threading.Event()
    watcher = threading.Thread(target=_watch_drain, args=(context, ended), name="drain", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(timeout=5 * DRAIN_LOOK_SECONDS)  # it may hang at a source that is away


def _watch_drain(context: TaskContext, ended: threading.Event) -> None:
    said = ""
    while not ended.wait(DRAIN_LOOK_SECONDS) and not context.stop_requested():
        try:
            stands = settle_stop(context)
        except LeaseLostError:
            return
        except FerrymanError as error:
            # the source is away or the metadb busy: apply itself says so when it lasts; ask again
            if said != error.code:
                context.event("warning", f"where to stop could not be asked for (asked again): {error}")
            said = error.code
            if ended.wait(5 * DRAIN_LOOK_SECONDS):
                return
            continue
        if said:
            context.event("info", "where to stop can be asked for again")
        said = ""
        if stands:
            return


def settle_stop(context: TaskContext) -> bool:
    """Write ``apply.stop_at`` when control wants apply to end; returns whether the place stands."""
    if context.note(STOP_NOTE) is not None:
        return True
    if not context.note(DRAIN_NOTE):
        return False
    source = source_of(context)
    try:
        position = source.current_position()
    finally:
        source.close()
    context.set_note(STOP_NOTE, to_json(position))
    return True


# Releasing --------------------------------------------------------------------------------------------------------


def run_release(context: TaskContext) -> None:
    """Free what a project holds outside the metadb: its marks in the target, its part of the log store.

    What cannot be freed is named in an event and left; release does not fail for a target that is gone for good.
    """
    _forget_target(context)
    _release_source(context)
    leave(context.data_dir, context.project_id)
    context.event("info", "left the log store, which goes with the last project that reads it")
    context.event("info", f"left at {context.spec.target}: what was moved there (tables and rows, or messages)")


def _release_source(context: TaskContext) -> None:
    """Let the source forget what it keeps for the project (a replication slot)."""
    spec: ProjectSpec = context.spec
    make_source = connector_for(spec.source).source
    if make_source is None or StepName.CAPTURE not in spec.steps:
        return
    source = make_source(spec.source)
    try:
        source.release_log(context.project_id)
    except LeaseLostError:
        raise
    except FerrymanError as error:
        context.event("warning", f"left at {spec.source}: what keeps its log for {context.project_id} ({error})")
    finally:
        source.close()


def _forget_target(context: TaskContext) -> None:
    spec: ProjectSpec = context.spec
    if is_sink(spec.target):
        _forget_sink(context)
        return
    make_target = connector_for(spec.target).target
    if make_target is None:
        return
    target = make_target(spec.target)
    try:
        target.forget(context.project_id)
    except LeaseLostError:
        raise
    except FerrymanError as error:
        context.event("warning", f"left at {spec.target}: the rows of {context.project_id} in _ferryman ({error})")
    else:
        context.event("info", f"removed the marks of {context.project_id} from _ferryman at {spec.target}")
    finally:
        target.close()


def _forget_sink(context: TaskContext) -> None:
    from ferryman.pipeline.publish import forget

    try:
        forget(context)
    except LeaseLostError:
        raise
    except FerrymanError as error:
        context.event("warning", f"left at {context.spec.target}: the marks of {context.project_id} ({error})")
    else:
        context.event("info", f"removed the marks of {context.project_id} at {context.spec.target}; its messages stay")
