"""Incremental synchronization: the source's changes as messages, in commit order, from the checkpoint on.

The windows are those of apply, and so is the driver along the log; only what is done with a window differs: its changes
are published in their order, and the checkpoint is marked behind (or with) them.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

from ferryman.foundation.errors import FerrymanError, LeaseLostError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.serial import from_json
from ferryman.pipeline.apply.evidence import Evidence
from ferryman.pipeline.apply.follower import Follower
from ferryman.pipeline.apply.patience import Patience
from ferryman.pipeline.apply.progress import Progress
from ferryman.pipeline.apply.stages import Stages, TimedDecoder, TimedLog
from ferryman.pipeline.apply.task import load_end_of
from ferryman.pipeline.apply.watched import Watch
from ferryman.pipeline.apply.window import Cutter
from ferryman.pipeline.logstore import in_commit_order, open_reader
from ferryman.pipeline.plan import source_of
from ferryman.pipeline.publish.checkpoints import Checkpoints
from ferryman.pipeline.publish.marks import Marks
from ferryman.pipeline.publish.publisher import Publisher, Surroundings
from ferryman.pipeline.publish.repeats import counting
from ferryman.pipeline.publish.statements import statements_of
from ferryman.pipeline.publish.topics import admit, ensure, router_of, sink_of
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.spi.connector import connector_for
from ferryman.spi.sink import GatheringWriter, Sink
from ferryman.spi.source import Source
from ferryman.spi.task import TaskContext, apply_options

WINDOW_FACTOR = 4
"""A window here is so many of apply's: each ends with a wait, for brokers or disks, that a change of a row has no part in."""


def run(context: TaskContext) -> None:
    """Publish the source's changes until the place to stop at is reached, or the task is asked to end."""
    ensure(context)
    patience = Patience(context)
    progress = Progress(caught_up_seconds=context.spec.apply.caught_up_seconds)
    with ExitStack() as stack:
        source = stack.enter_context(closing(ruled_source(source_of(context), rules_of(context.spec))))
        sink = stack.enter_context(closing(sink_of(context)))
        while not context.stop_requested():
            try:
                _run_once(context, source, sink, patience, progress)
            except LeaseLostError:
                raise  # I7: somebody else publishes now
            except FerrymanError as error:
                patience.bear(error)
            else:
                return


def _run_once(context: TaskContext, source: Source, sink: Sink, patience: Patience, progress: Progress) -> None:
    """Publish from the checkpoint on, with a writer of our own."""
    sink.prepare()
    with ExitStack() as stack:
        writer = stack.enter_context(closing(sink.writer(f"{context.project_id}/apply", context.epoch, 0)))
        router = router_of(context, sink)
        checkpoints = Checkpoints(context, Marks(context, sink), counting(context, sink, router.partitions, writer))
        checkpoint, applied = checkpoints.read()
        publisher = Publisher(
            Surroundings(
                options=context.spec.publish,
                selection=context.spec.selection,
                database_type=connector_for(context.spec.source).oms_type,
                checkpoints=checkpoints,
                router=router,
                admit=lambda name: admit(context, sink, name),
                statements=statements_of(context),
                keyless_from=from_json(dict[TableName, Position], context.note("load.keyless") or {}),
                consistent_from=load_end_of(context),
                clock=time.time,
                behind_rules=rules_of(context.spec).table,
            ),
            checkpoint,
        )
        log = stack.enter_context(closing(open_reader(context.data_dir, context.project_id, checkpoint.position)))
        watch = Watch(Stages())
        cutter = Cutter(
            TimedLog(in_commit_order(source, log, context.data_dir, context.project_id), watch.stages),
            TimedDecoder(source.decoder(publisher.table_at, context.spec.selection.includes), watch.stages),
            checkpoint.position,
            window_changes=WINDOW_FACTOR * apply_options(context).window_changes,
            concerns=publisher.concerns,
            fence=lambda: publisher.fence,
        )
        publisher.idle_since = lambda: cutter.seen if cutter.idle_border is not None else None
        if applied is not None:
            cutter.resume(applied, applied)
        Follower(context, publisher, cutter, patience, progress, Evidence(watch, log)).run()
        if isinstance(writer, GatheringWriter):
            writer.show(everything=True)
