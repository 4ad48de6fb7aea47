"""Windows: cut at borders, as small as what waits, never across a schema statement or the load's end."""

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.changes import Begin, ChangeBatch, Operation, Rollback, Savepoint, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.pipeline.apply.window import Border, Cutter, Part
from ferryman.spi.source import LogRecord


def place(number, time=0.0):
    return Position(kind="test", token={"n": str(number)}, order=(number,), time=time)


def rows(count):
    return ChangeBatch(
        table=TableName("d", "t"),
        operation=Operation.INSERT,
        columns=("id",),
        before=None,
        after=Batch.of([(b"%d" % n,) for n in range(count)], 1),
    )


def ddl(number):
    return SchemaStatement(sql="alter table t", database="d", position=place(number))


class Log:
    """Records from items: ``(items, boundary)``; polls past the end return `None`."""

    def __init__(self, *records):
        self.items = [items for items, _ in records]
        self.records = [
            LogRecord(payload=b"%d" % n, position=place(n + 1), boundary=boundary)
            for n, (_, boundary) in enumerate(records)
        ]
        self.next = 0
        self.waits = []

    def poll(self, timeout):
        self.waits.append(timeout)
        self.next += 1
        return self.records[self.next - 1] if self.next <= len(self.records) else None

    def decode(self, record):
        return self.items[int(record.payload)]

    def close(self):
        pass


def cutter(log, start=0, *, window=10, concerns=True, fence=None):
    return Cutter(
        log,
        log,
        place(start),
        window_changes=window,
        concerns=lambda statement: concerns,
        fence=lambda: place(fence) if fence is not None else None,
    )


def borders(part):
    return part.start.order[0], part.end.order[0], part.whole, part.row_count


def test_caught_up_flushes_at_once_without_waiting():
    log = Log(([rows(1)], False), ([], True))
    assert borders(cutter(log).next(5)) == (0, 2, True, 1)
    assert log.waits == [5, 5, 0.0]


def test_behind_fills_windows_to_their_limit():
    log = Log(*[([rows(4)], True)] * 6)
    found = cutter(log)
    assert [borders(found.next(0)) for _ in range(2)] == [(0, 3, True, 12), (3, 6, True, 12)]


def test_a_transaction_larger_than_a_window_comes_in_parts():
    log = Log(([rows(2)], True), *[([rows(6)], False)] * 4, ([], True), ([rows(1)], True))
    found = cutter(log)
    cut = [borders(found.next(0)) for _ in range(4)]
    assert cut == [(0, 1, True, 2), (1, 4, False, 18), (4, 6, True, 6), (6, 7, True, 1)]


def test_nothing_is_idle_inside_a_transaction_in_parts():
    log = Log(([], True), *[([rows(6)], False)] * 2, ([], True))
    found = cutter(log)
    assert not found.next(0).whole
    assert found.idle_border is None
    assert found.next(0).whole
    assert found.idle_border == place(4)


def test_a_schema_statement_is_a_window_of_its_own():
    log = Log(([rows(1)], True), ([ddl(2)], True), ([rows(1)], True))
    found = cutter(log)
    assert borders(found.next(0)) == (0, 1, True, 1)
    assert found.idle_border is None
    assert isinstance(found.next(0), SchemaStatement)
    assert borders(found.next(0)) == (2, 3, True, 1)


def test_a_schema_statement_of_others_costs_no_window():
    log = Log(([rows(1)], True), ([ddl(2)], True), ([rows(1)], True))
    assert borders(cutter(log, concerns=False).next(0)) == (0, 3, True, 2)


def test_no_window_reaches_across_the_end_of_the_load():
    log = Log(*[([rows(1)], True)] * 4)
    found = cutter(log, fence=2)
    assert [borders(found.next(0)) for _ in range(2)] == [(0, 2, True, 2), (2, 4, True, 2)]


def test_the_same_window_after_a_crash():
    log = Log(*[([rows(1)], True)] * 6)
    found = cutter(log)
    found.resume(place(0), place(4))
    assert [borders(found.next(0)) for _ in range(2)] == [(0, 4, True, 4), (4, 6, True, 2)]


def test_the_same_part_after_a_crash():
    log = Log(([], True), *[([rows(6)], False)] * 4, ([], True))
    found = cutter(log)
    found.resume(place(3), place(5))
    cut = [borders(found.next(0)) for _ in range(2)]
    assert cut == [(3, 5, False, 12), (5, 6, True, 0)]


def test_a_window_still_to_come_is_waited_for_after_a_crash():
    log = Log(([rows(1)], True))
    found = cutter(log)
    found.resume(place(0), place(4))
    assert found.next(0) is None
    assert found.idle_border is None


def test_a_pulse_says_that_the_source_is_alive():
    log = Log()
    log.records = [LogRecord(payload=b"", position=place(1, time=77.0), boundary=True)]
    found = cutter(log)
    assert isinstance(found.next(0), Part | None)
    assert found.seen == 77.0
    assert found.idle_border == place(1)


def back(number, savepoint=None):
    return Rollback(position=place(number), savepoint=savepoint)


def test_what_was_rolled_back_is_not_applied():
    log = Log(
        ([rows(1)], False), ([Savepoint(name="s")], False), ([rows(2)], False), ([back(4, "s")], False),
        ([rows(4)], False), ([Savepoint(name="t"), rows(8), back(6, "t")], False), ([], True),
        ([rows(16)], False), ([back(9)], True), ([rows(32)], True),
    )  # fmt: skip
    part = cutter(log, window=1000).next(0)
    assert [placed.change.row_count for placed in part.changes] == [1, 4, 32]
    assert borders(part) == (0, 10, True, 37)


def test_a_savepoint_is_gone_once_it_was_rolled_back_past():
    log = Log(
        ([Savepoint(name="s"), rows(1), Savepoint(name="t"), rows(2), back(1, "s")], False), ([back(2, "t")], True)
    )
    with pytest.raises(FerrymanError, match="savepoint t"):
        cutter(log).next(0)


@pytest.mark.parametrize("last", [back(4), back(4, "s")])
def test_what_was_handed_out_cannot_be_rolled_back(last):
    log = Log(([Savepoint(name="s"), rows(9)], False), ([rows(9)], False), ([rows(1)], False), ([last], True))
    found = cutter(log)
    assert borders(found.next(0)) == (0, 2, False, 18)
    with pytest.raises(FerrymanError) as caught:
        found.next(0)
    assert caught.value.code == "log.unsupported_event"
    resumed = cutter(Log(*zip(log.items, (False, False, False, True), strict=True)))
    resumed.resume(place(2), place(2))
    with pytest.raises(FerrymanError):
        resumed.next(0)


def test_reading_for_long_is_told_from_having_read_all(monkeypatch):
    monkeypatch.setattr("ferryman.pipeline.apply.window._LOOK_SECONDS", -1.0)
    found = cutter(Log(([rows(1)], False), ([], True)))
    assert found.next(0) is None
    assert not found.drained
    assert borders(found.next(0)) == (0, 2, True, 1)
    assert found.next(0) is None
    assert found.drained
    assert found.idle_border == place(2)


def test_a_part_tells_where_its_transactions_end_and_what_they_are_called():
    def begin(number, name):
        return Begin(position=place(number), transaction_id=name)

    log = Log(([begin(1, "a"), rows(1)], False), ([rows(2)], True), ([], True), ([begin(4, "b"), rows(1)], True))
    found = cutter(log)
    part = found.next(0)
    assert part.borders == [Border(2, place(2), "a"), Border(3, place(4), "b")]
    assert [placed.transaction for placed in part.changes] == ["a", "a", "b"]
    log = Log(([begin(1, "a"), rows(6)], False), ([rows(6)], False), ([], True))
    found = cutter(log)
    assert found.next(0).borders == []
    last = found.next(0)
    assert (last.changes, last.borders) == ([], [Border(0, place(3), "a")])
