"""From a failed project to a message that has arrived: webhook, chat tools and mail, through restarts and refusals."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest
from alert_receivers import MailReceiver, WebReceiver, mail_receiver, web_receiver

from ferryman.control.alerts import delivery, evaluation
from ferryman.control.alerts.book import Alerts
from ferryman.control.alerts.channels import ChannelKind
from ferryman.control.alerts.rules import DEFAULTS, ByLevel, Rule, RuleName
from ferryman.control.alerts.sending import signature
from ferryman.control.alerts.watch import AlertWatch
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.networks import VARIABLE
from ferryman.metadb import migration, outbox, projects, steps, tasks
from ferryman.metadb.alerts import AlertFilter, AlertState
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.metadb.tasks import TaskKey
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepProgress, StepStatus

SPEC = ProjectSpec(name="shop", source=Endpoint(scheme="mysql", password="Geheim"), target=Endpoint(scheme="oceanbase"))


@pytest.fixture
def metadb(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "CLEAR_SECONDS", 0.0)
    monkeypatch.setattr(delivery, "PAUSES", (0.0,))
    metadb = MetaDb.open(tmp_path)
    migration.upgrade(metadb.database)
    book = Alerts(metadb)
    for rule in DEFAULTS.values():  # the machine's own disk is no part of these tests
        off = rule.name is RuleName.DISK_LOW
        book.set_rule(Rule(name=rule.name, enabled=not off, threshold=rule.threshold, hold_seconds=ByLevel(0, 0, 0)))
    with metadb.writing() as tx:
        row = ProjectRow(id="np_1", spec=SPEC, status=ProjectStatus.RUNNING, created_at=1.0, changed_at=1.0)
        projects.insert(tx, metadb.box, row)
        for name in SPEC.steps:
            steps.insert(tx, "np_1", name, enabled=True)
    yield metadb
    metadb.close()


@pytest.fixture
def web():
    with web_receiver(WebReceiver()) as receiver:
        yield receiver


def fail(metadb, message="the target is away"):
    with metadb.writing() as tx:
        projects.set_status(tx, "np_1", ProjectStatus.FAILED, unix_now())
        projects.mark_failed(tx, "np_1", {"code": "endpoint.unreachable", "message": message})


def mend(metadb):
    with metadb.writing() as tx:
        projects.set_status(tx, "np_1", ProjectStatus.RUNNING, unix_now())


def look(metadb, times=1):
    watch = AlertWatch(metadb)
    for _ in range(times):
        watch.look()
        watch.deliver()


def hook(metadb, web, **settings):
    asked = {"url": f"http://127.0.0.1:{web.port}/hook", "secret": "Siegel"} | settings
    return Alerts(metadb).create_channel("pager", ChannelKind.WEBHOOK, asked)


def test_opening_and_recovery_arrive_signed_and_once(metadb, web):
    hook(metadb, web)
    fail(metadb)
    look(metadb, 3)
    mend(metadb)
    look(metadb, 3)
    first, last = web.documents()
    assert (first["event"], first["rule"], first["project"], first["level"]) == (
        "opened",
        "project_failed",
        "shop",
        "MEDIUM",
    )
    assert first["message"] == "the target is away"
    assert (last["event"], last["alert_id"]) == ("recovered", first["alert_id"])
    for _, headers, body in web.calls:
        assert headers["X-Ferryman-Signature"] == signature("Siegel", headers["X-Ferryman-Timestamp"], body)
        assert b"Geheim" not in body
    assert len({headers["X-Ferryman-Delivery"] for _, headers, _ in web.calls}) == 2
    with metadb.reading() as tx:
        assert outbox.counts(tx) == {"SENT": 2}


def test_a_receiver_that_is_away_gets_its_notice_from_the_next_service(metadb, tmp_path):
    away = WebReceiver()
    with web_receiver(away):
        hook(metadb, away)
    fail(metadb)
    look(metadb)
    with metadb.reading() as tx:
        (row,) = outbox.due(tx, unix_now() + 1, 9)
    assert row.attempts >= 1
    assert row.error
    metadb.close()
    again = MetaDb.open(tmp_path)
    with web_receiver(away):
        look(again)
    again.close()
    assert [each["event"] for each in away.documents()] == ["opened"]


def test_killed_after_sending_it_is_sent_again_under_the_same_id(metadb, web, monkeypatch):
    hook(metadb, web)
    fail(metadb)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "CLAIM_SECONDS", 0.0)
        patch.setattr(
            outbox, "settle", lambda *_, **__: (_ for _ in ()).throw(FerrymanError("metadb.busy", "killed here"))
        )
        watch = AlertWatch(metadb)
        watch.look()
        with pytest.raises(FerrymanError):
            watch.deliver()
    look(metadb)
    ids = [headers["X-Ferryman-Delivery"] for _, headers, _ in web.calls]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_refusals_are_tried_again_and_redirections_not_followed(metadb, web):
    hook(metadb, web)
    fail(metadb)
    web.status = 302
    watch = AlertWatch(metadb)
    watch.look()
    delivery.deliver_due(metadb)
    web.status = 200
    delivery.deliver_due(metadb)
    assert [path for path, _, _ in web.calls] == ["/hook", "/hook"]


def test_after_a_day_a_notice_is_given_up_and_that_is_an_alert(metadb, web):
    channel = hook(metadb, web)
    web.status = 500
    fail(metadb)
    watch = AlertWatch(metadb)
    watch.look()
    with metadb.writing() as tx:
        tx.execute("UPDATE alert_outbox SET created_at = created_at - 86401")
    delivery.deliver_due(metadb)
    with metadb.writing() as tx:
        assert outbox.counts(tx) == {"FAILED": 1}
        tx.execute("UPDATE alert_outbox SET created_at = created_at + 86401")
    watch.look()
    found = Alerts(metadb).find(AlertFilter(rule="delivery_failed")).items
    assert [row.message for row in found] == [f"notices could not be delivered through {channel.name}"]


def test_silence_holds_back_and_what_lasts_is_told_afterwards(metadb, web):
    hook(metadb, web)
    book = Alerts(metadb)
    silence = book.silence(project_id="np_1", rule=None, label_id="", ends_at=unix_now() + 600, reason="", account="a")
    fail(metadb)
    look(metadb)
    assert book.find(AlertFilter()).total == 1, "recorded all the same"
    assert not web.calls
    book.end_silence(silence.id)
    look(metadb)
    assert [each["event"] for each in web.documents()] == ["opened"]


def test_channels_take_what_they_are_for(metadb, web):
    hook(metadb, web, taking={"levels": ["HIGH"], "rules": [], "labels": []})
    fail(metadb)
    look(metadb)
    assert not web.calls, "the project's level is MEDIUM"


def test_what_is_seen_of_running_projects(metadb):
    key = TaskKey("np_1", "apply")
    with metadb.writing() as tx:
        steps.set_status(tx, "np_1", StepName.APPLY, StepStatus.MONITORING, unix_now())
        for name in (StepName.CAPTURE, StepName.LOAD):
            steps.set_status(tx, "np_1", name, StepStatus.RUNNING, unix_now())
        epoch = tasks.claim(tx, key, "me", unix_now(), 60)
        progress = StepProgress(latency_seconds=400.0, caught_up=True, info={"dead_letters": 3})
        steps.report(tx, "np_1", StepName.APPLY, progress, epoch)
        captured = StepProgress(checkpoint_seconds=int(unix_now()) - 7200, info={"log_kept_seconds": 7500})
        steps.report(tx, "np_1", StepName.CAPTURE, captured, 1)
        tx.execute("INSERT INTO mismatch (project_id, table_name, place, document) VALUES ('np_1', 's.t', 0, '{}')")
    look(metadb)
    rules = {row.rule: row.message for row in Alerts(metadb).find(AlertFilter()).items}
    assert set(rules) == {"latency", "dead_letters", "source_log_expires", "differences", "worker_lost"}
    assert rules["worker_lost"] == "no living process works on capture, load"
    with metadb.writing() as tx:
        projects.set_status(tx, "np_1", ProjectStatus.SUSPEND, unix_now())
    look(metadb, 2)
    rules = {row.rule: row.message for row in Alerts(metadb).find(AlertFilter(states=(AlertState.OPEN,))).items}
    assert rules.pop("stray_worker") == "the project is SUSPEND, but apply still runs"
    assert "latency" not in rules
    assert "worker_lost" not in rules


def test_two_services_open_one_alert(metadb, web):
    hook(metadb, web)
    fail(metadb)
    watches = [AlertWatch(metadb), AlertWatch(metadb)]
    for watch in watches:
        watch.look()
    for watch in watches:
        watch.deliver()
    assert len(web.calls) == 1


@pytest.mark.parametrize("preset", ["dingtalk", "feishu", "slack", "custom"])
def test_chat_tools(metadb, web, preset):
    url = f"http://127.0.0.1:{web.port}/robot?access_token=T0P"
    template = '{"msg": {"body": "{{project}} {{ level }}: {{message}}"}}' if preset == "custom" else ""
    settings = {"url": url, "preset": preset, "secret": "Siegel", "template": template}
    Alerts(metadb).create_channel("chat", ChannelKind.CHAT, settings)
    fail(metadb, 'a "quoted" name, and {{secret}} \\')
    look(metadb)
    (path, _, _), (body,) = web.calls[0], web.documents()
    text = {
        "dingtalk": lambda: body["text"]["content"],
        "feishu": lambda: body["content"]["text"],
        "slack": lambda: body["text"],
        "custom": lambda: body["msg"]["body"],
    }[preset]()
    assert 'a "quoted" name, and {{secret}} \\' in text
    assert "shop" in text
    query = parse_qs(urlsplit(path).query)
    assert query["access_token"] == ["T0P"]
    if preset == "dingtalk":
        digest = hmac.new(b"Siegel", f"{query['timestamp'][0]}\nSiegel".encode(), hashlib.sha256).digest()
        assert query["sign"] == [base64.b64encode(digest).decode()]
    if preset == "feishu":
        digest = hmac.new(f"{body['timestamp']}\nSiegel".encode(), b"", hashlib.sha256).digest()
        assert body["sign"] == base64.b64encode(digest).decode()


def test_a_chat_tool_that_refuses_politely_is_heard(metadb, web):
    web.answer = b'{"errcode": 310000, "errmsg": "keywords not in content"}'
    settings = {"url": f"http://127.0.0.1:{web.port}/", "preset": "dingtalk"}
    channel = Alerts(metadb).create_channel("chat", ChannelKind.CHAT, settings)
    with pytest.raises(FerrymanError, match="310000"):
        Alerts(metadb).test_channel(channel.id)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail(metadb, tmp_path, monkeypatch, security):
    with mail_receiver(MailReceiver(tmp_path, implicit=security == "tls")) as mail:
        settings = {"host": "127.0.0.1", "port": mail.port, "security": security, "username": "u", "password": "p"}
        settings |= {"sender": "ferryman@a.test", "recipients": ["ops@a.test", "dba@a.test"]}
        channel = Alerts(metadb).create_channel("mail", ChannelKind.EMAIL, settings)
        with pytest.raises(FerrymanError, match="TLS"):
            Alerts(metadb).test_channel(channel.id)
        assert not mail.logins, "no password for a server whose certificate nobody vouches for"
        monkeypatch.setenv("SSL_CERT_FILE", str(mail.certificate))
        fail(metadb, "the target\r\nBcc: evil@a.test")
        look(metadb)
        (recipients, text, secure) = mail.messages[0]
        assert secure
        assert base64.b64decode(mail.logins[0]) == b"\0u\0p"
        assert len(recipients) == 2
        head = text.partition("\r\n\r\n")[0]
        assert "Subject: [Ferryman] MEDIUM" in head
        assert not any(line.startswith("Bcc") for line in head.splitlines())
        mail.refusal = "550 5.1.1 no such user"
        with pytest.raises(FerrymanError):
            Alerts(metadb).test_channel(channel.id)


def test_only_the_networks_that_are_allowed(metadb, web, monkeypatch):
    channel = hook(metadb, web)
    monkeypatch.setenv(VARIABLE, "10.0.0.0/8, 192.0.2.7")
    with pytest.raises(FerrymanError) as caught:
        Alerts(metadb).test_channel(channel.id)
    assert caught.value.code == "network.forbidden"
    monkeypatch.setenv(VARIABLE, "127.0.0.0/8")
    Alerts(metadb).test_channel(channel.id)
    assert [each["event"] for each in web.documents()] == ["test"]
