"""What a spec must be before control takes it, and what may change once a project has begun."""

from __future__ import annotations

from ferryman.control.steps import enabled_steps
from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, ProjectSpec, ProjectType, StepName
from ferryman.pipeline.switchover.reversal import check_reversible
from ferryman.spi.connector import connector_for, is_sink
from ferryman.spi.ends import naming, not_two_way, source_of

NAME_LENGTH = 64
ENDPOINT_NAME_LENGTH = 128


def check_spec(spec: ProjectSpec) -> None:
    """Refuse a spec that cannot run; ``project.invalid``."""
    check_name(spec.name)
    if not enabled_steps(spec):
        raise UsageError("project.invalid", "the project has no steps")
    if len(set(spec.steps)) != len(spec.steps):
        raise UsageError("project.invalid", "a step is named twice")
    if (StepName.CAPTURE in spec.steps) != (StepName.APPLY in spec.steps):
        raise UsageError("project.invalid", "capture and apply go together: name both or neither")
    if StepName.REVERSE in spec.steps:
        check_reversible(spec)
    if spec.two_way:
        _check_two_way(spec)
    if spec.apply.start_position:
        _check_start(spec)
    if is_sink(spec.target):
        _check_publishing(spec)


def _check_two_way(spec: ProjectSpec) -> None:
    """Refuse a project whose changes could come back; ``project.not_two_way``."""
    if is_sink(spec.target):
        raise not_two_way(f"{spec.target.scheme} takes messages")
    if StepName.APPLY not in spec.steps:
        raise not_two_way("the project has no incremental step")
    if StepName.REVERSE in spec.steps:
        raise not_two_way("the way back of a switchover (`reverse`) begins when the way there has ended")
    for endpoint, what in ((spec.source, "source"), (spec.target, "target")):
        if connector_for(endpoint).two_way is None:
            raise not_two_way(
                f"the log of the {what}, {endpoint.scheme}, does not tell what Ferryman wrote there itself"
            )
    if connector_for(spec.source).holds_schemas != connector_for(spec.target).holds_schemas:
        raise not_two_way(f"from {spec.target.scheme} to {spec.source.scheme} there is no way for every type of value")


def _check_start(spec: ProjectSpec) -> None:
    """Refuse a place to begin at where it means nothing; ``project.invalid``, ``position.invalid``."""
    if StepName.LOAD in spec.steps or StepName.APPLY not in spec.steps:
        raise UsageError("project.invalid", "only a project of changes without a load begins at a place of its own")
    if spec.apply.start_timestamp:
        raise UsageError("project.invalid", "begin at a second, or at a place (start_position): not at both")
    source = source_of(spec)
    try:
        naming(source, spec.source)
    finally:
        source.close()


def _check_publishing(spec: ProjectSpec) -> None:
    """Refuse what a target that takes messages cannot do."""
    if spec.type is not ProjectType.SYNC:
        raise UsageError("project.invalid", f"a project into {spec.target.scheme} is a synchronization (type SYNC)")
    if StepName.VERIFY in spec.steps:
        raise UsageError("project.invalid", "messages cannot be verified: leave the verification away")
    if spec.apply.atomic:
        raise UsageError("project.invalid", "messages have no transactions to be kept whole: leave `atomic` away")


def check_name(name: str) -> None:
    """Refuse a project name that is empty, too long, or cannot be shown."""
    _check_text(name, "project.invalid", "project name", NAME_LENGTH)


def check_endpoint_name(name: str) -> None:
    """Refuse an endpoint name that is empty, too long, or cannot be shown."""
    _check_text(name, "endpoint.invalid", "endpoint name", ENDPOINT_NAME_LENGTH)


def check_change(old: ProjectSpec, new: ProjectSpec) -> None:
    """Refuse a change that would make what is done already wrong.

    Rows copied and the position reached belong to one source, one target and one set of objects; names, options and
    steps may change.
    """
    for what, before, after in (
        ("another source", _identity(old.source), _identity(new.source)),
        ("another target", _identity(old.target), _identity(new.target)),
        ("other objects", old.selection, new.selection),
        ("another key for hashes", old.hash_key, new.hash_key),
        ("another type", old.type, new.type),
        ("another answer to two-way use", old.two_way, new.two_way),
        ("another way to spread messages", _spreading(old), _spreading(new)),
    ):
        if before != after:
            raise UsageError(
                "project.invalid",
                f"project {old.name!r} has begun with {what}",
                hint="take another name for the new project, or begin anew (--fresh)",
            )


def _spreading(spec: ProjectSpec) -> tuple[object, ...]:
    """Return what decides where a message goes: a key must never move."""
    publish = spec.publish
    return (publish.topic, publish.rule, publish.partition, publish.key_columns)


def _identity(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what makes it this server; who logs in and how may change."""
    named = (endpoint.options.get(name) for name in ("unix_socket", "path"))
    return (endpoint.scheme, endpoint.host, endpoint.port, endpoint.database, *named)


def _check_text(text: str, code: str, what: str, most: int) -> None:
    if not text or text != text.strip() or not text.isprintable():
        raise UsageError(code, f"a {what} needs visible characters, with no blank at either end")
    if len(text) > most:
        raise UsageError(code, f"a {what} has at most {most} characters, this one has {len(text)}")
