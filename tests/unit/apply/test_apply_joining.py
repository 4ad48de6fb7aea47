"""Where tables join: apply stands still when told to, goes to the very place, and not across it."""

from types import SimpleNamespace

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.serial import to_json
from ferryman.pipeline.apply.joining import Joining, followed
from ferryman.pipeline.apply.window import Part, Placed

NEW = Table(name=TableName("d", "new"), columns=())
OLD = Table(name=TableName("d", "old"), columns=())
BOTH = Selection(objects=("d.old", "d.new"))


def place(number):
    return Position(kind="binlog", token={"file": "b.1", "offset": str(number)}, order=(1, number))


class Context:
    project_id = "np_parent"

    def __init__(self, **notes):
        self.notes = {name.replace("_", "."): document for name, document in notes.items()}
        self.spec = SimpleNamespace(selection=Selection(objects=("d.old",)))

    def note(self, name):
        return self.notes.get(name)

    def set_note(self, name, document):
        self.notes[name] = document

    def event(self, *args, **fields):
        pass


class Host:
    def __init__(self, at):
        self.checkpoint = Checkpoint(position=place(at), schema=Schema(tables=(OLD,)))
        self.joined = None

    def move_to(self, border):
        self.checkpoint = Checkpoint(position=border, schema=self.checkpoint.schema)

    def join(self, schema):
        self.joined = self.checkpoint.position, schema


def joining(context, host, guest_at=20):
    guest = Checkpoint(position=place(guest_at), schema=Schema(tables=(NEW,)))
    made = Joining(context, {"np_guest": guest}.get)
    made.bind(host)
    return made


def told(**notes):
    join = {"record": "oc_1", "project": "np_guest", "selection": to_json(BOTH)}
    return Context(objects_hold={"record": "oc_1"}, objects_join=join, **notes)


def part(start, end, *changes):
    changes = [Placed(None, place(each)) for each in changes]
    return Part(start=place(start), end=place(end), whole=True, changes=changes)


def test_it_stands_still_behind_a_whole_window_and_says_where():
    context = Context(objects_hold={"record": "oc_1"})
    made = joining(context, Host(10))
    under_way = Checkpoint(position=place(10), schema=Schema(), intent=Intent(end=place(15)))
    assert not made.holds(under_way), "the window under way may end behind the place where the tables join"
    assert "objects.held" not in context.notes
    assert made.holds(Checkpoint(position=place(15), schema=Schema()))
    assert context.notes["objects.held"] == {"record": "oc_1", "position": to_json(place(15))}


def test_it_goes_on_to_the_very_place_and_joins_there_once():
    context, host = told(), Host(10)
    made = joining(context, host)
    assert made.place == place(20)
    assert not made.holds(host.checkpoint)
    assert not made.passed_by(part(10, 15, 12))
    assert not made.arrive()
    assert made.passed_by(part(15, 30, 25)), "nothing of ours before it: the checkpoint moves, the window comes again"
    assert host.checkpoint.position == place(20)
    assert made.arrive()
    assert host.joined == (place(20), Schema(tables=(NEW,)))
    assert context.notes["objects.joined"] == {"record": "oc_1"}
    assert made.place is None
    assert not made.arrive()


def test_a_schema_statement_behind_the_place_waits():
    host = Host(10)
    made = joining(told(), host)
    assert made.passed_by(SchemaStatement(position=place(21), database="d", sql="DROP TABLE new"))
    assert host.checkpoint.position == place(20)


def test_a_window_across_the_place_is_an_error_not_a_loss():
    with pytest.raises(FerrymanError, match="reaches across"):
        joining(told(), Host(10)).passed_by(part(10, 30, 15, 25))
    with pytest.raises(FerrymanError, match="passed"):
        joining(told(), Host(21)).arrive()


@pytest.mark.parametrize(
    ("at", "tables", "both"), [(19, (OLD,), False), (20, (OLD,), False), (20, (OLD, NEW), True), (30, (OLD,), True)]
)
def test_a_checkpoint_tells_whether_the_tables_have_joined(at, tables, both):
    context = told()
    made = joining(context, None)
    found = made.selection_at(Checkpoint(position=place(at), schema=Schema(tables=tables)))
    assert (found == BOTH) == both
    assert ("objects.joined" in context.notes) == both


def test_control_may_finish_between_two_looks():
    context = told()
    made = Joining(context, lambda _: context.notes.pop("objects.join", None) and None)
    context.notes["objects.selection"] = to_json(BOTH)
    assert made.selection_at(Checkpoint(position=place(5), schema=Schema())) == BOTH


def test_what_has_left_leaves_the_checkpoint():
    checkpoint = Checkpoint(position=place(1), schema=Schema(tables=(OLD, NEW)))
    assert followed(checkpoint, Selection(objects=("d.old",))).schema.tables == (OLD,)
    assert followed(checkpoint, BOTH) is checkpoint
