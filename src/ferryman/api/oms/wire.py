"""How requests are read: liberal in keys and types, each member under its documented name.

Keys are compared without case, blanks and underscores (`fold_keys`); whole numbers may be strings of digits, booleans
``"true"``/``"false"``, lists one single string. Documented members that we do not use are taken and kept, so that
DescribeProject answers with what CreateProject was given; unknown ones are ignored.
"""

from __future__ import annotations

import typing
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ferryman.foundation.errors import UsageError

D = TypeVar("D", bound="Document")


def fold(name: str) -> str:
    """Return a key in the form in which keys are compared."""
    return name.strip().replace("_", "").lower()


def fold_keys(value: Any) -> Any:
    """Fold the keys of all objects within a JSON value."""
    if isinstance(value, dict):
        return {fold(key): fold_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fold_keys(item) for item in value]
    return value


def loose_int(value: Any) -> Any:
    """Take a string of digits for a whole number."""
    return int(value.strip()) if isinstance(value, str) and value.strip().lstrip("-").isdecimal() else value


def _loose_bool(value: Any) -> Any:
    text = value.strip().lower() if isinstance(value, str) else value
    return {"true": True, "false": False, "": None}.get(text, value) if isinstance(text, str) else value


def _loose_strings(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def word(value: Any) -> Any:
    """Fold an enumeration value: trimmed, upper case."""
    return value.strip().upper() or None if isinstance(value, str) else value


def words(value: Any) -> Any:
    """Fold a list of enumeration values, given as a list or one string."""
    listed = _loose_strings(value)
    return [word(item) for item in listed] if isinstance(listed, list) else listed


def list_of(value: Any) -> Any:
    """Take one object for a list of one."""
    return [value] if isinstance(value, dict) else value


def one_of(*words: str) -> AfterValidator:
    """Allow these words only (and null)."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return AfterValidator(check)


def no_blanks(value: str) -> str:
    """Refuse blanks."""
    if any(char.isspace() for char in value):
        raise ValueError("must not contain blanks")
    return value


Integer = Annotated[int | None, BeforeValidator(loose_int)]
Boolean = Annotated[bool | None, BeforeValidator(_loose_bool)]
Strings = Annotated[list[str] | None, BeforeValidator(_loose_strings)]
Word = Annotated[str | None, BeforeValidator(word)]
Words = Annotated[list[str] | None, BeforeValidator(words)]


class Document(BaseModel):
    """A JSON object of a request."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        alias_generator=AliasGenerator(validation_alias=fold, serialization_alias=to_camel),
    )

    def to_json(self) -> dict[str, Any]:
        """Return the object with its documented keys."""
        return self.model_dump(by_alias=True)


def parse(kind: type[D], body: dict[str, Any]) -> D:
    """Read a request; ``api.wrong_parameter`` names the member and what is wrong with it."""
    try:
        return kind.model_validate(fold_keys(body))
    except ValidationError as error:
        raise UsageError("api.wrong_parameter", _first_complaint(kind, error)) from None


def _first_complaint(kind: type[Document], error: ValidationError) -> str:
    """Say in one line what is wrong; never the value, which may be a secret."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    names = _documented_names(kind)
    path = ".".join(names.get(str(part), str(part)) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"parameter {path or '(body)'}: {said[:1].lower()}{said[1:]}"


@cache
def _documented_names(kind: type[Document]) -> dict[str, str]:
    """Return folded → documented names of all members, nested ones too."""
    names: dict[str, str] = {}
    for name, member in kind.model_fields.items():
        names[fold(name)] = to_camel(name.rstrip("_"))
        for nested in _documents_within(member.annotation):
            names |= _documented_names(nested)
    return names


def _documents_within(hint: Any) -> list[type[Document]]:
    if isinstance(hint, type):
        return [hint] if issubclass(hint, Document) else []
    return [found for part in typing.get_args(hint) for found in _documents_within(part)]
