"""The register of error codes: exit status, retry class, OMS code and the hint that always holds.

A code is `noun.problem` and is never renamed. Exit codes are those of the command line (design §5):
1 failed, 2 wrong usage, 3 environment (unreachable, missing privilege), 4 differences left.
Keep the table sorted by code; one line each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the register."""

    exit_code: int
    retry: str
    oms: str
    hint: str = ""


CODES: dict[str, Code] = {
    "endpoint.access_denied": Code(3, "manual", "GHANA-OPERAT000101", "check user name and password of the endpoint"),
    "endpoint.connection_lost": Code(3, "auto", "GHANA-PCHKNP000010"),
    "endpoint.unreachable": Code(3, "manual", "GHANA-PCHKNP000010", "check host, port, and that the server runs"),
    "endpoint.query_failed": Code(1, "manual", "INNER_ERROR"),
    "internal.error": Code(1, "manual", "INNER_ERROR", "this is a defect of ferryman: please report it with the log"),
    "lease.lost": Code(1, "auto", "CM-RESOAT000011", "another process runs this task now; this one has stopped"),
    "log.corrupt": Code(
        1, "manual", "CM-RESOIE000202", "the source's log could not be read; check the server and its log"
    ),
    "log.partial_image": Code(
        1, "manual", "CM-RESOIE000202", "set binlog_row_image=FULL at the source, then load the table again"
    ),
    "log.unsupported_event": Code(1, "manual", "CM-RESOIE000202"),
    "target.duplicate_key": Code(1, "manual", "CONNECTOR-SIOO0400600"),
    "usage.bad_url": Code(2, "never", "PARAM_ERROR", "an endpoint is scheme://user:password@host:port/database"),
}
