"""From the options of a project, as people give them, to a `ProjectSpec`; the command line uses it too."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.foundation.errors import UsageError
from ferryman.model.project import StepName

STEPS_OF_TYPE: dict[str, tuple[StepName, ...]] = {
    "schema": (StepName.SCHEMA,),
    "full": (StepName.LOAD,),
    "incremental": (StepName.CAPTURE, StepName.APPLY),
    "verify": (StepName.VERIFY,),
}
"""Steps by the word people use."""


def steps_of(types: Sequence[str]) -> tuple[StepName, ...]:
    """Return the steps of the types asked for, in running order, the precheck first.

    Raises:
        UsageError: ``usage.wrong_option`` for none, or an unknown one.
    """
    if unknown := [name for name in types if name not in STEPS_OF_TYPE]:
        raise UsageError("usage.wrong_option", f"unknown type {unknown[0]!r}; known are {', '.join(STEPS_OF_TYPE)}")
    if not types:
        raise UsageError("usage.wrong_option", f"no type is chosen; known are {', '.join(STEPS_OF_TYPE)}")
    chosen = {StepName.PRECHECK, *(step for name in types for step in STEPS_OF_TYPE[name])}
    return tuple(name for name in StepName if name in chosen)
