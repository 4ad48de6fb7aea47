"""Every addition comes to its end, whatever the order in which things are seen; nothing is handed over too early."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ferryman.control.additions import Act, AdditionState, next_act
from ferryman.model.object_change import ObjectChangeStatus as S
from ferryman.model.project import ProjectStatus as P

BOOL = st.booleans()
ANY = st.builds(
    AdditionState,
    status=st.sampled_from([S.PENDING, S.RUNNING, S.MERGING]),
    parent=st.sampled_from(P),
    parent_follows=BOOL,
    guest=st.none() | st.sampled_from(P),
    guest_follows=BOOL,
    held=BOOL,
    stopped=BOOL,
    joining=BOOL,
    joined=BOOL,
)


@given(ANY)
def test_nothing_comes_too_early(state):
    act = next_act(state)
    if act is Act.HOLD:
        assert state.guest_follows
        assert state.parent_follows
    if act is Act.STOP:
        assert state.held
    if act is Act.JOIN:
        assert state.guest is P.FINISHED
        assert state.status is S.MERGING
    if act is Act.SETTLE:
        assert state.joined
    if state.joining:
        assert act in {None, Act.SETTLE, Act.BEGIN}, "from here on it cannot be given up"
        assert act is not Act.BEGIN or state.status is S.PENDING


def test_the_way_of_an_addition():
    state = AdditionState(status=S.PENDING, parent=P.RUNNING)
    assert next_act(state) is None
    state = replace(state, parent_follows=True)
    assert next_act(state) is Act.BEGIN
    state = replace(state, status=S.RUNNING, guest=P.RUNNING)
    assert next_act(state) is None
    assert next_act(replace(state, parent=P.SUSPEND)) is Act.PAUSE
    assert next_act(replace(state, guest=P.SUSPEND)) is Act.RESUME
    assert next_act(replace(state, guest=P.FAILED)) is Act.FAIL
    state = replace(state, guest_follows=True)
    assert next_act(state) is Act.HOLD
    state = replace(state, status=S.MERGING)
    assert next_act(state) is None, "until the project stands still"
    state = replace(state, held=True)
    assert next_act(state) is Act.STOP
    state = replace(state, stopped=True)
    assert next_act(state) is None, "until the sub-project has ended"
    state = replace(state, guest=P.FINISHED)
    assert next_act(state) is Act.JOIN
    state = replace(state, joining=True)
    assert next_act(state) is None
    assert next_act(replace(state, joined=True)) is Act.SETTLE
