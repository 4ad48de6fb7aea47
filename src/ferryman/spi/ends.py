"""Source and target of a project as its steps use them."""

from __future__ import annotations

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.spi.connector import connector_for
from ferryman.spi.source import NamingSource, Source
from ferryman.spi.target import Target


def source_of(spec: ProjectSpec) -> Source:
    """Return where rows and changes come from; in two-way use, without the changes that Ferryman wrote there itself.

    Raises:
        UsageError: ``usage.bad_url`` for a scheme that cannot be a source, ``project.not_two_way``.
    """
    connector = connector_for(spec.source)
    if connector.source is None:
        raise UsageError("usage.bad_url", f"{spec.source.scheme} cannot be a source")
    if not spec.two_way:
        return connector.source(spec.source)
    if connector.two_way is None:
        raise not_two_way(f"the log of {spec.source.scheme} does not tell who wrote a change")
    return connector.two_way.source(spec.source)


def target_of(spec: ProjectSpec) -> Target:
    """Return where rows go; in two-way use, all that is written there bears a mark.

    Raises:
        UsageError: As `source_of`.
    """
    connector = connector_for(spec.target)
    if connector.target is None:
        raise UsageError("usage.bad_url", f"{spec.target.scheme} cannot be a target of rows")
    if not spec.two_way:
        return connector.target(spec.target)
    if connector.two_way is None:
        raise not_two_way(f"what is written to {spec.target.scheme} cannot be told from what others write there")
    return connector.two_way.target(spec.target)


def naming(source: Source, endpoint: Endpoint) -> NamingSource:
    """Return a source that knows places in its log by name; ``position.invalid`` for another."""
    if not isinstance(source, NamingSource):
        raise UsageError(
            "position.invalid",
            f"places in the log of {endpoint.scheme} have no names to begin at",
            hint="begin now, or at a Unix second",
        )
    return source


def not_two_way(reason: str) -> UsageError:
    """Make the refusal of a project that would send changes in circles."""
    return UsageError("project.not_two_way", f"changes cannot go both ways: {reason}")
