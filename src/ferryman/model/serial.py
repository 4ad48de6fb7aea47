"""Domain values to and from JSON documents, by their type hints; what is stored carries a version beside it."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Turn a dataclass (or a container of them) into dictionaries, lists and plain values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return _dict_to_json(value)
    if isinstance(value, tuple | list | frozenset | set):
        return [to_json(item) for item in value]
    return value


def _dict_to_json(value: dict[Any, Any]) -> Any:
    """A dictionary whose keys are records (names of tables) becomes a list of pairs: JSON keys are text only."""
    if any(dataclasses.is_dataclass(key) for key in value):
        return [[to_json(key), to_json(item)] for key, item in value.items()]
    return {to_key(key): to_json(item) for key, item in value.items()}


def to_key(key: Any) -> str:
    """Turn a dictionary key into text."""
    return str(key.value) if isinstance(key, enum.Enum) else str(key)


def from_json(kind: type[T], document: Any) -> T:
    """Build a `kind` from what `to_json` made; members the document lacks take their defaults.

    Raises:
        TypeError: The document lacks a required member, or a hint is of a kind this function does not know.
        ValueError: An enumeration does not have the value.
    """
    return typing.cast("T", _build(kind, document))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(hint: Any, document: Any) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any or hint is object:
        return document
    if origin in (typing.Union, types.UnionType):
        return _build_union(typing.get_args(hint), document)
    if origin is tuple:
        return _build_tuple(typing.get_args(hint), document)
    if origin is list:
        return [_build(typing.get_args(hint)[0], item) for item in document]
    if origin is frozenset:
        return frozenset(_build(typing.get_args(hint)[0], item) for item in document)
    if origin is dict:
        key_hint, item_hint = typing.get_args(hint)
        if dataclasses.is_dataclass(key_hint):
            return {_build(key_hint, key): _build(item_hint, item) for key, item in (document or ())}
        return {_build(key_hint, key): _build(item_hint, item) for key, item in document.items()}
    return _build_plain(hint, document)


def _build_union(choices: tuple[Any, ...], document: Any) -> Any:
    if document is None:
        return None
    return _build(next(choice for choice in choices if choice is not types.NoneType), document)


def _build_tuple(parts: tuple[Any, ...], document: Any) -> Any:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(_build(parts[0], item) for item in document)
    return tuple(_build(part, item) for part, item in zip(parts, document, strict=True))


def _build_plain(hint: Any, document: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast("type", hint))
        known = {f.name for f in dataclasses.fields(hint) if f.init}
        return hint(**{name: _build(hints[name], item) for name, item in document.items() if name in known})  # type: ignore[operator]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(document)
    if hint is float:
        return float(document)
    return document
