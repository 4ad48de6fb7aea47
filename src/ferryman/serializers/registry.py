"""Serializers by the name of their format; modules are imported when they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.serializers.contract import Serializer, TransactionSerializer

_MAKERS: dict[str, tuple[str, str]] = {
    "DEFAULT": ("default", "make"),
    "DEFAULT_WITH_SCHEMA": ("default", "make"),
    "CANAL": ("canal", "make"),
    "DATAWORKS_V2": ("dataworks", "make"),
    "SHAREPLEX": ("shareplex", "make"),
    "DEBEZIUM": ("debezium", "make"),
    "DEBEZIUMFLATTEN": ("debezium", "make"),
    "DEBEZIUMSMT": ("debezium", "make"),
    "AVRO": ("avro", "make"),
    "CLOUDEVENTS": ("cloudevents", "make"),
    "MAXWELL": ("maxwell", "make"),
    "PARQUET": ("parquet", "make"),
}

_NEED_ENDPOINT = {"avro", "parquet"}
"""Those that talk to something beside the queue, or to one queue only."""

FORMATS = tuple(sorted(_MAKERS))
"""Every format by name."""


def serializer_for(options: PublishOptions, endpoint: Endpoint | None = None) -> Serializer:
    """Return the serializer of a project that publishes there.

    Raises:
        UsageError: ``usage.wrong_option`` for an unknown format, or one that has no records of transactions, wanted.
    """
    serializer = _made(options, endpoint)
    if options.transactions and not isinstance(serializer, TransactionSerializer):
        raise UsageError(
            "usage.wrong_option",
            f"{options.format} has no records of where transactions begin and end",
            hint="choose DEFAULT, DEFAULT_WITH_SCHEMA, DATAWORKS_V2 or CLOUDEVENTS, or leave transactions= away",
        )
    return serializer


def _made(options: PublishOptions, endpoint: Endpoint | None) -> Serializer:
    try:
        module, maker = _MAKERS[options.format.upper()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise UsageError("usage.wrong_option", f"unknown format {options.format!r}; known are {known}") from None
    make = getattr(import_module(f"ferryman.serializers.{module}"), maker)
    if module in _NEED_ENDPOINT:
        return cast("Callable[[PublishOptions, Endpoint | None], Serializer]", make)(options, endpoint)
    return cast("Callable[[PublishOptions], Serializer]", make)(options)
