"""Calls a second: each account has its own number, and what is over it is refused with the time to wait."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from ferryman.api.application import create_application
from ferryman.control import call_rates
from ferryman.control.alerts.book import Alerts
from ferryman.control.call_rates import VARIABLE, CallRates
from ferryman.control.prechecks import Prechecks
from ferryman.foundation.errors import FerrymanError, UsageError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(rates: CallRates, caller: str, tries: int) -> int:
    return sum(is_taken(rates, caller) for _ in range(tries))


def is_taken(rates: CallRates, caller: str) -> bool:
    try:
        rates.take(caller)
    except FerrymanError as refused:
        return (refused.code, refused.context["retry_after"] >= 1) != ("api.too_many_calls", True)
    return True


def test_a_burst_then_the_rate_and_each_caller_for_itself():
    clock = Clock()
    rates = CallRates(3, clock)
    assert taken(rates, "a", 50) == 30
    assert taken(rates, "b", 50) == 30
    clock.now += 2
    assert taken(rates, "a", 50) == 6
    clock.now += 1000
    assert taken(rates, "a", 50) == 30
    assert taken(CallRates(0), "a", 5000) == 5000


def test_made_up_callers_are_not_remembered(monkeypatch):
    monkeypatch.setattr(call_rates, "MOST_BUCKETS", 20)
    clock = Clock()
    rates = CallRates(1, clock)
    assert taken(rates, "a", 20) == 10
    for number in range(100):
        clock.now += 0.001
        rates.take(f"made up {number}")
    assert len(rates._buckets) <= 21


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "9" * 9])
def test_a_limit_that_is_no_number(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UsageError) as caught:
        CallRates.of_environment()
    assert caught.value.code == "usage.wrong_option"


def test_calls_over_the_limit_are_told_in_either_form_and_stay_out_of_the_audit_log(
    service, labels, access, metadb, monkeypatch
):
    monkeypatch.setenv(VARIABLE, "1")
    application = create_application(service, labels, access, Prechecks(metadb), Alerts(metadb))
    client = TestClient(application)
    client.auth = ("admin", "open sesame")
    native = lambda: client.get("/api/v1/projects")  # noqa: E731
    oms = lambda: client.post("/api/v2?Action=CreateLabel", json={"name": "x"})  # noqa: E731
    refused = {}
    for call in (native, oms):
        answer = call()
        while answer.status_code != 429:
            answer = call()
        refused[call] = answer
    assert refused[native].json()["error"]["code"] == "api.too_many_calls"
    assert int(refused[native].headers["retry-after"]) >= 1
    assert refused[oms].json()["errorDetail"]["extraContext"] == {"code": "api.too_many_calls", "retry": "auto"}
    assert not [entry for entry in access.audit(limit=1000) if entry.outcome == "api.too_many_calls"]
    assert client.get("/healthz").status_code == 200, "calls without a login count by address"
