"""The wrapper of every answer of an OMS operation."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from ferryman.api.faults import fault_of
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers: `data`, and the paging members when it pages."""

    data: Any = None
    page_number: int | None = None
    page_size: int | None = None
    total: int | None = None


class Call:
    """One call: its identifier and its beginning, for ``requestId`` and ``cost``."""

    def __init__(self, *, success_code: str | None = None) -> None:
        """Begin a call; `success_code` is ``"success"`` in the two older operations, else null."""
        self.request_id = str(uuid.uuid4())
        self._success_code = success_code
        self._began = time.perf_counter()

    def succeeded(self, answer: Answer) -> JSONResponse:
        """Wrap what the operation answers."""
        body = self._envelope(success=True, code=self._success_code)
        body |= {"pageNumber": answer.page_number, "pageSize": answer.page_size, "totalCount": answer.total}
        return JSONResponse(body | {"data": answer.data})

    def failed(self, error: FerrymanError, *, headers: dict[str, str] | None = None) -> JSONResponse:
        """Wrap an error; its own code and retry class travel in ``errorDetail.extraContext``."""
        fault = fault_of(error)
        # What a client can mend in its own call, and a failed connection test, are told as PARAM_ERROR.
        code = str(error.context.get("oms_code") or CODES[error.code].oms)
        detail = {
            "code": CODES[error.code].oms,
            "level": fault.level,
            "message": error.message,
            "proposal": error.hint or None,
            "extraContext": {"code": error.code, "retry": error.retry.value},
        }
        body = self._envelope(success=False, code=code, message=error.message, advice=error.hint or None)
        told = {**(headers or {}), "x-ferryman-code": error.code}
        return JSONResponse(body | {"errorDetail": detail}, status_code=fault.oms_status, headers=told)

    def _envelope(self, *, success: bool, code: str | None, **text: str | None) -> dict[str, Any]:
        return {
            "success": success,
            "errorDetail": None,
            "code": code,
            "message": text.get("message"),
            "advice": text.get("advice"),
            "requestId": self.request_id,
            "pageNumber": None,
            "pageSize": None,
            "totalCount": None,
            "cost": f"{round((time.perf_counter() - self._began) * 1000)} ms",
            "data": None,
        }
