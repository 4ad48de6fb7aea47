"""Precheck of the MySQL family: the items an endpoint answers for, alone, in one role.

Nothing is written anywhere. Each item runs on a connection of its own with a time limit; whatever goes wrong becomes a
FAILED item with a code, never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.precheck import source as precheck_source
from ferryman.connectors.mysql_family.precheck import target as precheck_target
from ferryman.connectors.mysql_family.precheck.items import Item, Look, failed
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict

ITEM_SECONDS = 60.0
_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class MySqlChecks:
    """The items of a MySQL or MariaDB server."""

    endpoint: Endpoint

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a source; `schema` is what it shows of the selection."""
        return self.run(self.source_items(), "source", spec, schema)

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Check the endpoint as a target; `schema` is the *source's*."""
        return self.run(self.target_items(), "target", spec, schema)

    def source_items(self) -> Sequence[Item]:
        """Return what is asked of a source."""
        return precheck_source.ITEMS

    def target_items(self) -> Sequence[Item]:
        """Return what is asked of a target."""
        return precheck_target.ITEMS

    def run(self, items: Sequence[Item], side: str, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Run items side by side; only the first when the endpoint cannot be reached."""
        first = self._connect_item(side)
        if first.verdict is Verdict.FAILED:
            return [first]
        pool = ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="precheck")
        try:
            waiting = [(item, pool.submit(self._look, item, side, spec, schema)) for item in items]
            return [first, *(result for item, future in waiting for result in _answer(item, side, future))]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _connect_item(self, side: str) -> CheckResult:
        title = "the server answers and lets us in"
        try:
            with open_connection(self.endpoint, role=side) as connection:
                text = connection.server.text
        except FerrymanError as error:
            return replace(failed("RDB_CONNECT", side, title, error), skippable=False)
        return CheckResult(item="RDB_CONNECT", side=side, verdict=Verdict.PASSED, title=title, message=text)

    def _look(self, item: Item, side: str, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        with open_connection(self.endpoint, role=side) as connection:
            return item.look(Look(connection, self.endpoint, spec, schema, side))


def _answer(item: Item, side: str, future: Future[list[CheckResult]]) -> list[CheckResult]:
    try:
        return [_named(result, item, side) for result in future.result(timeout=ITEM_SECONDS)]
    except FerrymanError as error:
        return [failed(item.name, side, item.title, error)]
    except TimeoutError:
        late = FerrymanError("precheck.failed", f"no answer within {ITEM_SECONDS:.0f} s")
        return [failed(item.name, side, item.title, late)]


def _named(result: CheckResult, item: Item, side: str) -> CheckResult:
    return replace(result, item=result.item or item.name, side=side, title=result.title or item.title)
