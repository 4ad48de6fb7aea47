"""Endpoint types of OMS and the URL schemes they stand for."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.spi.connector import connectors


def oms_type(scheme: str) -> str:
    """Return OMS's name of an endpoint type: ``mysql`` → ``MYSQL``."""
    connector = connectors().get(scheme)
    return connector.oms_type if connector else scheme.upper()


def schemes_of(types: Iterable[str]) -> tuple[str, ...]:
    """Return the schemes of OMS endpoint types; a type we do not have stands for itself and finds nothing."""
    wanted = {name.strip().upper() for name in types}
    found = [scheme for scheme, connector in connectors().items() if connector.oms_type in wanted]
    unknown = wanted - {connector.oms_type for connector in connectors().values()}
    return (*found, *(f"?{name}" for name in sorted(unknown)))
