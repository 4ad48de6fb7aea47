"""Changes the target refuses go to the dead letters, all others arrive; whatever dies on the way (I2, I3, I4; ADR 0050)."""

from __future__ import annotations

from collections import Counter

import pytest
from apply_model import Model
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ferryman.foundation.errors import FerrymanError
from ferryman.model.dead_letter import DeadLetter, LetterState
from ferryman.model.project import ConflictPolicy
from ferryman.pipeline.apply.letter_desk import LetterDesk
from ferryman.pipeline.apply.letters import Letters


class RefusingModel(Model):
    """A target that refuses rows with a certain value; only rows of tables with a key and without foreign keys."""

    def __init__(self, seed: int, **options):
        super().__init__(seed, **options)
        self.conflicts = ConflictPolicy.SKIP
        self.refused = self.rng.choice([b"b", b"2", b"3"])

    def follow(self) -> None:
        self.target.refuse = self.judge
        super().follow()

    def judge(self, table, row) -> None:
        cascades = table.foreign_keys or any(
            key.parent == table.name for each in self.schema.tables for key in each.foreign_keys
        )
        key = table.row_key  # keys of text may be one row to the server with other bytes: see ADR 0050
        exact = key is not None and not any(table.column(name).type.collation for name in key.columns)
        if self.refused in row and exact and not cascades:
            raise FerrymanError("target.value_refused", f"a value does not fit {table.name}")

    def open_letters(self) -> list[DeadLetter]:
        return [each for each in self.target.letters.values() if each.state is LetterState.OPEN]

    def check(self) -> None:
        """The exact checks of rows do not hold while some are set aside; what must hold is seen at the end."""

    def check_end(self) -> None:
        """Every row is there, or its last change is in exactly one open letter, as it is at the source."""
        for name, found in self.source.database.tables.items():
            ours = self.target.tables[name]
            if found.table.row_key is None:
                assert ours.bag() == found.bag()
                continue
            key = found.table.row_key.columns
            letters = [each for each in self.open_letters() if each.source == name]
            aside = Counter(found.form_of(key, each.key) for each in letters)
            assert not aside or max(aside.values()) == 1, "two open letters of one row"
            theirs = {found.form(row, key): row for row in found.rows}
            there = {ours.form(row, key): row for row in ours.rows}
            for form in {*theirs, *there} - {*aside}:
                assert theirs.get(form) == there.get(form), f"{name} {form}"
            for letter in letters:
                row = theirs[found.form_of(key, letter.key)]
                assert found.values(row, letter.columns) == letter.after, "the letter is not the row's last state"


def run_refusing(seed: int) -> RefusingModel:
    model = RefusingModel(seed)
    for _ in range(model.rng.randrange(5)):
        model.transact()
    model.start = model.source.position
    model.load()
    model.follow()
    model.check_end()
    return model


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_a_row_is_there_or_in_one_letter(seed: int):
    note(f"seed {seed}")
    run_refusing(seed)


def test_once_the_target_takes_it_a_retry_ends_equal():
    retried = 0
    for seed in range(40):
        model = run_refusing(seed)
        model.target.refuse = lambda table, row: None
        model.calm = True
        model.transactions = 0
        asked = [{"id": f"d{each.number}", "number": each.number, "action": "retry"} for each in model.open_letters()]
        retried += len(asked)
        applier, _, _ = model.begin(model.epoch + 1)
        for _ in range(len(asked) + 1):  # one may wait for a unique value that another gives up
            LetterDesk(applier, lambda asked=asked: asked).work()
            asked = [each | {"id": each["id"] + "+"} for each in asked]
        assert not model.open_letters()
        Model.check_end(model)
    assert retried >= 3, "the model refuses too little to show anything"


def test_without_the_policy_it_stops_where_the_change_is():
    codes = Counter()
    for seed in range(30):
        model = RefusingModel(seed, crashes=0)
        model.conflicts = ConflictPolicy.STOP
        model.load()
        stopped = stop_of(model)
        if stopped is None:
            continue
        codes[stopped.code] += 1
        assert stopped.context["reason"] == "target.value_refused"
        assert set(stopped.context) >= {"position", "table", "key"}
        assert not model.target.letters
    assert codes["apply.conflict"] > 1
    assert set(codes) == {"apply.conflict"}


def stop_of(model: RefusingModel) -> FerrymanError | None:
    try:
        model.follow()
    except FerrymanError as error:
        return error
    return None


def test_the_model_can_fail(monkeypatch: pytest.MonkeyPatch):
    """Were letters not settled by later changes of their rows, two would be open of one row, or hold an old state."""
    monkeypatch.setattr(Letters, "supersede", lambda self, session, tables: None)
    with pytest.raises((AssertionError, KeyError)):
        run_all(range(100))


def run_all(seeds: range):
    for seed in seeds:
        run_refusing(seed)
