"""The register of errors as a page for people."""

from __future__ import annotations

from ferryman.foundation.codes import CODES


def as_page() -> str:
    """Return the register as a page: what each code means for the program, for OMS clients and for the person."""
    rows = [
        f"| `{name}` | {code.exit_code} | {_RETRIES[code.retry]} | `{code.oms}` | {_cell(code.hint)} |"
        for name, code in CODES.items()
    ]
    return "\n".join([*_PAGE, *rows, ""])


_RETRIES = {"auto": "by itself", "manual": "once mended", "never": "no"}
_PAGE = (
    "# Errors",
    "",
    "Made from the register in the code by `make errors`. The message of an error says what happened and where; this page",
    "what to do. *Tried again*: by itself; once somebody has mended the cause and resumes; or not at all, for the same input",
    "fails again. *Exit*: of the command line (2 wrong usage, 3 environment, 4 differences left). Symptoms rather than codes:",
    "[operations.md](operations.md).",
    "",
    "| code | exit | tried again | OMS code | next step |",
    "|---|---|---|---|---|",
)


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "as the message says"
