from __future__ import annotations

from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import to_json
from ferryman.pipeline.apply.meeting import MOST_SECONDS, Meeting
from ferryman.pipeline.apply.window import Part
from ferryman.spi.task import MEET_NOTE, MET_NOTE


class Notes:
    """Notes of a project, and a clock."""

    def __init__(self):
        self.documents = {}
        self.now = 0.0

    def note(self, name):
        return self.documents.get(name)

    def set_note(self, name, document):
        self.documents[name] = document

    def ask(self, place=None, meeting="m1"):
        self.documents[MEET_NOTE] = {"id": meeting, "place": place and to_json(place)}

    @property
    def met(self):
        return self.documents.get(MET_NOTE)

    def meeting(self) -> Meeting:
        made = Meeting(self, lambda: self.now)
        made.look()
        return made


def at(offset):
    return Position(kind="binlog", token={"file": "b.000001", "offset": str(offset)}, order=(1, offset))


def checkpoint(offset, intent=None):
    return Checkpoint(position=at(offset), schema=Schema(), intent=intent)


def part(start, end):
    return Part(start=at(start), end=at(end), whole=True, changes=[])


def test_nobody_asks_and_nothing_stands_still():
    notes = Notes()
    assert not notes.meeting().holds(checkpoint(5))
    assert notes.met is None


def test_apply_stands_where_it_is_then_at_the_place_then_goes_on():
    notes = Notes()
    notes.ask()
    meeting = notes.meeting()
    assert meeting.holds(checkpoint(5))
    assert notes.met == {"id": "m1", "position": to_json(at(5)), "over": False}
    notes.ask(at(9))
    meeting.look()
    assert not meeting.holds(checkpoint(5))
    assert meeting.place == at(9)
    assert not meeting.lies_before(part(5, 9))
    assert meeting.lies_before(part(9, 12))
    assert meeting.lies_before(SchemaStatement(position=at(10), sql="x", database="d"))
    assert meeting.holds(checkpoint(9))
    assert notes.met == {"id": "m1", "position": to_json(at(9)), "over": False}
    notes.documents[MEET_NOTE] = None
    meeting.look()
    assert not meeting.holds(checkpoint(9))


def test_amid_a_window_nothing_stands_still():
    notes = Notes()
    notes.ask()
    assert not notes.meeting().holds(checkpoint(5, Intent(end=at(8), consistent=True)))


def test_who_asked_and_died_is_not_waited_for_twice():
    notes = Notes()
    notes.ask()
    meeting = notes.meeting()
    assert meeting.holds(checkpoint(5))
    notes.now = MOST_SECONDS + 0.1
    assert not meeting.holds(checkpoint(5))
    assert notes.met["over"]
    meeting.look()
    assert not meeting.holds(checkpoint(5))
    assert not notes.meeting().holds(checkpoint(5)), "nor by a task that begins anew"
    notes.ask(meeting="m2")
    meeting.look()
    assert meeting.holds(checkpoint(5))


def test_a_task_that_begins_anew_stands_where_the_one_before_stood():
    notes = Notes()
    notes.ask(at(9))
    assert notes.meeting().holds(checkpoint(9))
    assert notes.met == {"id": "m1", "position": to_json(at(9)), "over": False}
