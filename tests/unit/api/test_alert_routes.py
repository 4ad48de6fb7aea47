"""The routes of alerts: what they take, what they show, what they never show, and who may call them."""

from __future__ import annotations

import pytest

from ferryman.control.alerts.rules import RuleName
from ferryman.control.roles import Role
from ferryman.metadb import alerts
from ferryman.metadb.alerts import AlertRow, AlertState

ALERTS = "/api/v1/alerts"
HOOK = {
    "name": "pager",
    "kind": "webhook",
    "settings": {"url": "https://pager.test/hook?token=T0P", "secret": "Geheim"},
}
MAIL = {"host": "mail.test", "username": "u", "password": "Geheim", "sender": "f@a.test", "recipients": ["o@a.test"]}


@pytest.fixture(autouse=True)
def clean(metadb):
    with metadb.writing() as tx:
        for table in ("alert", "alert_rule", "alert_silence", "alert_channel", "alert_outbox"):
            tx.execute(f"DELETE FROM {table}")


def keep(metadb, number, **members):
    row = AlertRow(
        **{"id": f"al_{number}", "key": f"k{number}", "rule": "latency", "level": "HIGH", "message": f"M {number}"}
        | {"since": float(number), "opened_at": float(number), "state": AlertState.OPEN}
        | members
    )
    with metadb.writing() as tx:
        alerts.insert(tx, row)


def test_alerts_are_listed_and_filtered(client, metadb):
    keep(metadb, 1, project_id="np_1", project_name="100%_shop")
    keep(metadb, 2, rule="disk_low", level="LOW")
    keep(metadb, 3, state=AlertState.RECOVERED, recovered_at=9.0)
    keep(metadb, 4, state=AlertState.PENDING, opened_at=None)

    def ids(**query):
        answer = client.get(ALERTS, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    assert ids() == ["al_2", "al_1"]
    assert ids(state="recovered") == ["al_3"]
    assert ids(state="all") == ["al_3", "al_2", "al_1"]
    assert ids(rule="disk_low") == ids(level="LOW") == ["al_2"]
    assert ids(project="np_1") == ids(search="0%_S") == ids(search="al_1") == ["al_1"]
    assert ids(search="0_%") == [], "no wildcards in a search"
    assert ids(state="all", since="1970-01-01T00:00:03Z") == ["al_3"]
    assert client.get(ALERTS, params={"size": 1, "page": 2}).json()["total"] == 2
    assert client.get(ALERTS, params={"since": "1970-01-01T00:00:03"}).json()["error"]["code"] == "alert.invalid"
    shown = client.get(f"{ALERTS}/al_1").json()
    assert (shown["title"], shown["deliveries"]) == ("the target is far behind the source", [])
    assert client.get(f"{ALERTS}/al_9").json()["error"]["code"] == "alert.unknown"


def test_rules_are_set_and_set_back(client):
    first = {each["name"]: each for each in client.get(f"{ALERTS}/rules").json()}
    assert set(first) == {name.value for name in RuleName}
    assert first["latency"]["threshold"] == {"high": 30, "medium": 300, "low": 900}
    asked = {"enabled": False, "level": "LOW", "threshold": {"high": 1, "medium": 2, "low": 3}}
    changed = client.put(f"{ALERTS}/rules/latency", json=asked).json()
    assert changed == first["latency"] | asked
    assert changed in client.get(f"{ALERTS}/rules").json()
    assert client.put(f"{ALERTS}/rules/latency", json={}).json() == first["latency"]


@pytest.mark.parametrize(
    "asked",
    [
        {"threshold": {"high": -1, "medium": 2, "low": 3}},
        {"hold_seconds": {"high": 1e9, "medium": 2, "low": 3}},
        {"threshold": {"high": 1}},
        {"level": "WORST"},
        {"colour": "red"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(client, asked):
    assert client.put(f"{ALERTS}/rules/latency", json=asked).status_code == 400
    assert (
        client.put(f"{ALERTS}/rules/differences", json={"threshold": {"high": 1, "medium": 1, "low": 1}}).status_code
        == 400
    )
    assert client.put(f"{ALERTS}/rules/rain", json={}).status_code == 400


def test_silences(client):
    made = client.post(f"{ALERTS}/silences", json={"rule": "latency", "minutes": 5, "reason": "upgrade"})
    assert made.status_code == 201, made.text
    assert (made.json()["account"], made.json()["rule"]) == ("admin", "latency")
    assert client.get(f"{ALERTS}/silences").json() == [made.json()]
    for wrong in (
        {},
        {"minutes": 0},
        {"minutes": 5, "until": "2999-01-01T00:00:00Z"},
        {"until": "2999-01-01T00:00:00Z"},
    ):
        assert client.post(f"{ALERTS}/silences", json=wrong).status_code == 400
    assert (
        client.post(f"{ALERTS}/silences", json={"minutes": 5, "label": "l_9"}).json()["error"]["code"]
        == "label.unknown"
    )
    assert client.delete(f"{ALERTS}/silences/{made.json()['id']}").status_code == 204
    assert client.delete(f"{ALERTS}/silences/{made.json()['id']}").json()["error"]["code"] == "alert.unknown"


def test_secrets_of_channels_go_in_and_never_come_out(client, metadb):
    made = client.post(f"{ALERTS}/channels", json=HOOK)
    assert made.status_code == 201, made.text
    assert made.json()["settings"] | {"taking": 0} == {
        "url": "https://pager.test/******",
        "secret": "******",
        "taking": 0,
    }
    place = f"{ALERTS}/channels/{made.json()['id']}"
    shown = client.get(f"{ALERTS}/channels")
    changed = client.patch(place, json={"name": "pager2", "settings": shown.json()[0]["settings"]})
    assert changed.status_code == 200, changed.text
    for answer in (made, shown, changed):
        assert "Geheim" not in answer.text
        assert "T0P" not in answer.text
    with metadb.reading() as tx:
        assert "Geheim" not in str(tuple(tx.row("SELECT * FROM alert_channel")))
    from ferryman.control.alerts.book import Alerts

    kept = Alerts(metadb).channels()[0]
    assert (kept.name, kept.settings["secret"], kept.settings["url"]) == ("pager2", "Geheim", HOOK["settings"]["url"])
    assert "Geheim" not in repr(kept)
    assert (
        client.post(f"{ALERTS}/channels", json=HOOK | {"name": "pager2"}).json()["error"]["code"] == "alert.name_taken"
    )
    assert client.delete(place).status_code == 204
    audit = client.get("/api/v1/audit").text
    assert "/api/v1/alerts/channels" in audit
    assert "Geheim" not in audit
    assert "T0P" not in audit


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("webhook", {}),
        ("webhook", {"url": "ftp://a.test/"}),
        ("webhook", {"url": "https://user:pw@a.test/"}),
        ("webhook", {"url": "https://a.test/\r\nX: y"}),
        ("webhook", {"url": "https://[::1/"}),
        ("webhook", {"url": 7}),
        ("webhook", {"url": "https://a.test/", "colour": "red"}),
        ("webhook", {"url": "https://a.test/", "taking": {"levels": ["WORST"]}}),
        ("webhook", {"url": "https://a.test/", "taking": {"labels": ["l_9"]}}),
        ("chat", {"url": "https://a.test/", "preset": "icq"}),
        ("chat", {"url": "https://a.test/", "template": "no json {{text}}"}),
        ("chat", {"url": "https://a.test/", "template": '["{{text}}"]'}),
        ("chat", {"url": "https://a.test/", "template": '{"a": "{{password}}"}'}),
        ("email", MAIL | {"recipients": []}),
        ("email", MAIL | {"recipients": ["a@b\r\nBcc: c@d"]}),
        ("email", MAIL | {"security": "none"}),
        ("email", MAIL | {"port": "x"}),
        ("email", {"host": "mail.test"}),
    ],
)
def test_channels_that_cannot_work_are_refused(client, kind, settings):
    answer = client.post(f"{ALERTS}/channels", json={"name": "c", "kind": kind, "settings": settings})
    assert answer.status_code in {400, 404}, answer.text
    assert "Geheim" not in answer.text


def test_who_may_do_what(client, access):
    for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR)):
        access.create_account(name, "correct horse", role)
    try:
        silence = {"minutes": 5}
        for user, silences, rules in (("vera", 403, 403), ("otto", 201, 403), ("admin", 201, 200)):
            login = (user, "open sesame" if user == "admin" else "correct horse")
            for path in ("", "/rules", "/silences", "/channels"):
                assert client.get(ALERTS + path, auth=login).status_code == 200
            assert client.post(f"{ALERTS}/silences", json=silence, auth=login).status_code == silences
            assert client.put(f"{ALERTS}/rules/latency", json={}, auth=login).status_code == rules
            assert client.post(f"{ALERTS}/channels", json={}, auth=login).status_code == (
                400 if user == "admin" else 403
            )
            assert client.post(f"{ALERTS}/channels/x/test", auth=login).status_code == (400 if user == "admin" else 403)
    finally:
        access.delete_account("vera")
        access.delete_account("otto")
