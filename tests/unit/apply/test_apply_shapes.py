"""Shapes: one for a table and its columns, whoever asks first."""

from types import SimpleNamespace

from ferryman.pipeline.apply import shapes


def test_two_threads_that_ask_for_a_shape_at_once_get_the_same(monkeypatch):
    monkeypatch.setattr(shapes, "shape_of", lambda *_: object())
    change = SimpleNamespace(table="t", columns=("a",))
    others = []

    def table_of(_):
        if not others:
            others.append(None)
            others[0] = store.of(change)  # as a thread that comes between
        return "source", "target"

    store = shapes.Shapes(table_of)
    assert store.of(change) is others[0]
    assert store.of(change) is others[0]
