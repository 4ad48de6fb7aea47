"""How an error leaves the service by HTTP: one table from our code to status and level.

Operations of OMS answer a fault of the *operation* (unknown project, wrong status, bad parameter) with HTTP 200 and
``success: false``, since its clients read the envelope only then; a fault of the *call* (login, path, size, not JSON)
keeps its HTTP status. The native API always uses the true status.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError


@dataclass(frozen=True, slots=True)
class Fault:
    """What a code means over HTTP.

    Attributes:
        status: Status of the native API, and of OMS operations when the call itself is at fault.
        level: OMS's error level.
        of_call: Whether the call, not the operation, is at fault.
    """

    status: int
    level: str = "ERROR"
    of_call: bool = False

    @property
    def oms_status(self) -> int:
        """HTTP status of an OMS operation that answers with this fault."""
        return self.status if self.of_call else 200


FAULTS: dict[str, Fault] = {
    "account.invalid": Fault(422),
    "account.last_admin": Fault(409),
    "account.name_taken": Fault(409),
    "account.unknown": Fault(404),
    "account.unknown_key": Fault(404),
    "account.weak_password": Fault(422),
    "api.body_too_large": Fault(413, of_call=True),
    "api.cross_site": Fault(403, of_call=True),
    "api.csrf": Fault(403, of_call=True),
    "api.forbidden": Fault(403, of_call=True),
    "api.key_in_use": Fault(409, of_call=True),
    "api.key_reused": Fault(409, of_call=True),
    "api.malformed": Fault(400, of_call=True),
    "api.not_found": Fault(404, of_call=True),
    "api.not_supported": Fault(422),
    "api.too_many_calls": Fault(429, of_call=True),
    "api.too_many_logins": Fault(429, of_call=True),
    "api.unauthorized": Fault(401, of_call=True),
    "api.unknown_action": Fault(404),
    "api.wrong_method": Fault(405, of_call=True),
    "api.wrong_parameter": Fault(400),
    "component.unknown": Fault(404),
    "endpoint.in_use": Fault(409),
    "endpoint.name_taken": Fault(409),
    "endpoint.unknown": Fault(404),
    "internal.error": Fault(500, level="FATAL", of_call=True),
    "label.limit": Fault(409),
    "label.name_taken": Fault(409),
    "label.unknown": Fault(404),
    "metadb.busy": Fault(503),
    "metadb.unreachable": Fault(503),
    "precheck.unknown": Fault(404),
    "oidc.expired": Fault(400),
    "oidc.no_role": Fault(403),
    "oidc.provider": Fault(502),
    "oidc.refused": Fault(403),
    "project.not_owner": Fault(403),
    "project.being_repaired": Fault(409),
    "project.changed_meanwhile": Fault(412),
    "project.invalid": Fault(422),
    "project.name_taken": Fault(409),
    "project.needs_recreation": Fault(409),
    "project.unknown": Fault(404),
    "project.wrong_status": Fault(409),
}

_BY_EXIT_CODE = {2: Fault(400), 3: Fault(422), 4: Fault(409, level="WARN")}


def fault_of(error: FerrymanError) -> Fault:
    """Return how an error leaves the service; codes outside the table follow their exit code."""
    known = FAULTS.get(error.code)
    return known or _BY_EXIT_CODE.get(CODES[error.code].exit_code, Fault(500))
