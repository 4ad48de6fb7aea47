"""A task process with steps made of sleep: what a test needs of the data plane, started as the real one is.

Each step counts up to `GOAL` in a note and writes a line for each count into ``<data_dir>/trace``, so that a test can see
who ran when. Capture and apply follow; apply ends at ``apply.stop_at``, which it takes from ``apply.drain``.
"""

import os
import sys
import time

from ferryman.executor import child
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from ferryman.model.project import StepName, StepProgress, TableProgress
from ferryman.model.serial import to_json

GOAL = int(os.environ.get("FERRYMAN_TEST_GOAL", "5"))
FOLLOWING = {StepName.CAPTURE, StepName.APPLY}


def run(context):
    trace(context, "begin")
    misbehave(context)
    if context.task_name == child.RELEASE:
        return
    (follow if context.step in FOLLOWING else work)(context)
    trace(context, "end")


def work(context):
    name = f"test.{context.task_name}"
    done = context.note(name) or 0
    while done < GOAL and not context.wait(0.01):
        done += 1
        context.set_note(name, done)
        trace(context, f"count {done}")
        context.report(StepProgress(percent=100 * done // GOAL, rows=done), [TableProgress(table="a.b", rows=done)])
    if done == GOAL and context.step is StepName.LOAD:
        context.set_note("load.end", to_json(place(7)))


def follow(context):
    while not context.wait(0.02):
        if context.step is StepName.APPLY:
            context.set_note("apply.position", to_json(place(8)))
            if context.note("apply.drain") or context.note("apply.stop_at"):
                return
            hand_over(context)
        context.report(StepProgress(rows=1, caught_up=context.step is StepName.APPLY, checkpoint_seconds=1))


def hand_over(context):
    """Stand still and join as the real apply does, at once."""
    for told, said in (("objects.hold", "objects.held"), ("objects.join", "objects.joined")):
        wish = context.note(told)
        if wish and not context.note(said):
            trace(context, said)
            context.set_note(said, {"record": wish["record"], "position": to_json(place(8))})


def place(number):
    return Position(kind="binlog", token={"file": "b.1", "offset": str(number)}, order=(1, number))


def misbehave(context):
    """Do what the file ``<data_dir>/misbehave.<step>`` says, once: ``exit 3``, ``fail CODE``, ``raise``, ``stuck``."""
    path = context.data_dir / f"misbehave.{context.task_name}"
    if not path.exists():
        return
    word, _, rest = path.read_text().partition(" ")
    if word != "always":
        path.unlink()
    else:
        word, _, rest = rest.partition(" ")
    if word == "exit":
        os._exit(int(rest))
    if word == "fail":
        raise FerrymanError(rest, "told to fail")
    if word == "ddl":
        raise FerrymanError("target.ddl_failed", "told to stop", context={"position": "b.1/42", "sql": "x"})
    if word == "objects":
        name, _, kind = rest.partition(" ")
        made = [TableProgress(table=f"{kind}d.{name}", state="failed"), TableProgress(table="d.fine", state="done")]
        context.report(StepProgress(), made)
        raise FerrymanError("schema.failed", "told to fail")
    if word == "raise":
        raise RuntimeError("a secret: geheim")
    if word == "stuck":
        time.sleep(3600)


def trace(context, what):
    with (context.data_dir / "trace").open("a") as file:
        file.write(f"{time.time():.6f} {os.getpid()} {context.task_name} {context.epoch} {what}\n")


if __name__ == "__main__":
    os._exit(child.main(sys.argv[1:], run=run))
