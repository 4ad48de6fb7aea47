"""What ``ferryman check`` estimates and warns of, and its page: nothing but the catalog, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ferryman.cli import estimates
from ferryman.cli.assessment_page import assessment_page
from ferryman.model.misfits import Misfit
from ferryman.model.names import TableName
from ferryman.model.policies import Action, ValuePolicy
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Column, Index, KeyPart, LeftOut, Schema, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.precheck.assessment import Assessment
from ferryman.pipeline.precheck.estimate import FASTEST, SLOWEST, estimate_of
from ferryman.pipeline.precheck.risks import RiskLevel, risks_of
from ferryman.spi.precheck import CheckResult, Verdict

EVIL = "<script>alert('x')</script>&\"'"
STEPS = (StepName.SCHEMA, StepName.CAPTURE, StepName.LOAD, StepName.APPLY, StepName.VERIFY)


def column(name: str, kind: Kind = Kind.INTEGER, **more: object) -> Column:
    return Column(name=name, type=ColumnType(kind=kind, native=kind.value, **more))  # type: ignore[arg-type]


def table(name: str, *columns: Column, key: bool = True, **more: object) -> Table:
    indexes = (Index(name="PRIMARY", parts=(KeyPart(column="id"),), primary=True, unique=True),) if key else ()
    fields = (replace(column("id"), nullable=False), *columns)
    return Table(name=TableName("shop", name), columns=fields, indexes=indexes, **more)  # type: ignore[arg-type]


def spec(scheme: str = "mysql", **more: object) -> ProjectSpec:
    ends = {"source": Endpoint(scheme="mysql", host="a", port=1), "target": Endpoint(scheme=scheme, host="b", port=2)}
    return ProjectSpec(name="p", steps=STEPS, **ends, **more)  # type: ignore[arg-type]


def test_time_follows_from_bytes_and_values() -> None:
    schema = Schema(tables=(table("t", column("v"), row_estimate=1_000_000, byte_estimate=100_000_000),))
    found = estimate_of(spec("oceanbase"), schema, log_rate=1000.0)
    load, verify = found.load_seconds, found.verify_seconds
    assert load
    assert verify
    assert found.log_store_bytes
    # 100 MB × 0.013 s + 2 million values × 1.5 s = 4.3 s; 100 × 0.0045 + 2 × 0.554 = 1.558 s
    assert (load.least, load.most) == pytest.approx((4.3 * FASTEST, 4.3 * SLOWEST))
    assert (verify.least, verify.most) == pytest.approx((1.558 * FASTEST, 1.558 * SLOWEST))
    assert found.log_store_bytes.most == pytest.approx(1000 * 4.3 * SLOWEST)
    assert (found.rows, found.bytes, found.unknown) == (1_000_000, 100_000_000, 0)


def test_what_is_unknown_is_said() -> None:
    found = estimate_of(spec(), Schema(tables=(table("t"), table("u"))), log_rate=None)
    told = dict(estimates.facts(found))
    assert found.unknown == 2
    assert told["rows"] == told["data at the source"] == told["time of the load"] == "unknown"
    assert told["space at the target"] == "unknown"
    assert told["growth of the source's log"] == told["space in the log store"] == "cannot be told"
    assert "of 2 the catalog has no figures" in told["tables"]


def test_a_size_without_rows_still_takes_time() -> None:
    found = estimate_of(spec("postgresql"), Schema(tables=(table("t", byte_estimate=10**9),)), log_rate=None)
    assert found.load_seconds is not None
    assert found.load_seconds.least > 10
    assert found.unknown == 0
    assert dict(estimates.facts(found))["rows"] == "unknown"


@pytest.mark.parametrize("scheme", ["kafka", "tidb"])
def test_an_unmeasured_target_has_no_time(scheme: str) -> None:
    found = estimate_of(spec(scheme), Schema(tables=(table("t", row_estimate=5, byte_estimate=5),)), log_rate=5.0)
    assert found.load_seconds is None
    assert found.verify_seconds is None
    assert found.log_store_bytes is None


def test_every_risk_is_told_with_all_its_objects() -> None:
    long = column("doc", Kind.BLOB, length=4_294_967_295)
    tables = (
        *(table(f"k{number}", key=False, row_estimate=1, byte_estimate=1) for number in range(30)),
        table("lob", long, row_estimate=3, byte_estimate=30_000_000),
        table("small", column("t", Kind.TEXT, length=65_535), row_estimate=1, byte_estimate=1),
        table("big", row_estimate=100_000_000, byte_estimate=1),
        table("heavy", row_estimate=99_999_999, byte_estimate=100_000_000_000),
        table("empty"),
    )
    schema = Schema(tables=tables, left_out=(LeftOut(name=TableName("shop", "s"), reason="a sequence"),))
    policy = ValuePolicy(column="shop.t.c", misfit=Misfit.ZERO_DATE, action=Action.NULL)
    wanted = spec(value_policies=(policy,))
    items = [
        CheckResult(item="A", side="source", verdict=Verdict.FAILED, title="a", message="bad"),
        CheckResult(item="B", side="target", verdict=Verdict.WARNED, title="b", message="so so"),
        CheckResult(item="C", side="target", verdict=Verdict.PASSED, title="c"),
    ]
    risks = risks_of(wanted, schema, items, estimate_of(wanted, schema, None))
    found = {risk.subject: (risk.level, risk.objects) for risk in risks}
    assert found == {
        "A": (RiskLevel.BLOCKS, ()),
        "B": (RiskLevel.MEDIUM, ()),
        "left-out": (RiskLevel.HIGH, ("shop.s (a sequence)",)),
        "value-policies": (RiskLevel.HIGH, (str(policy),)),
        "no-key": (RiskLevel.MEDIUM, tuple(f"shop.k{number}" for number in range(30))),
        "huge-table": (RiskLevel.MEDIUM, ("shop.big", "shop.heavy")),
        "wide-rows": (RiskLevel.MEDIUM, ("shop.lob",)),
        "large-values": (RiskLevel.LOW, ("shop.lob.doc",)),
        "unknown-size": (RiskLevel.LOW, ("shop.empty",)),
    }
    assert [risk.level for risk in risks] == sorted((r.level for r in risks), key=list(RiskLevel).index)
    told = "\n".join(estimates.risk_lines(risks))
    assert "and 18 more" in told
    assert "so so" not in told, "items of the precheck stand above already"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_the_page_escapes_everything_and_needs_nothing_from_outside() -> None:
    evil = table(EVIL, column(EVIL, Kind.BLOB), key=False, row_estimate=3, byte_estimate=3)
    schema = Schema(tables=(evil,), left_out=(LeftOut(name=TableName(EVIL, EVIL), reason=EVIL),))
    items = tuple(
        CheckResult(item=EVIL, side=EVIL, verdict=verdict, title=EVIL, message=EVIL, hint=EVIL, fix_sql=EVIL, code=EVIL)
        for verdict in Verdict
    )
    estimate = estimate_of(spec(), schema, 5.0)
    found = Assessment(results=items, estimate=estimate, risks=risks_of(spec(), schema, items, estimate))
    page = assessment_page(EVIL, (EVIL, EVIL), found, EVIL, passed=False)
    parser = Tags()
    parser.feed(page)
    assert not parser.tags & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert parser.links == []
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page
