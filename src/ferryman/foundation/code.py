"""What the register says of an error code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the register."""

    exit_code: int
    retry: str
    oms: str
    hint: str = ""
