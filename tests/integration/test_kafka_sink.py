"""The Kafka sink against a real broker: fencing, marks, and what is refused with a clear code."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from ferryman.connectors.kafka.sink import KafkaSink
from ferryman.embedded import Kafka
from ferryman.embedded.server import free_port
from ferryman.foundation.errors import FerrymanError, LeaseLostError, UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import Messages, TopicPlan

pytestmark = pytest.mark.kafka


@pytest.fixture(params=[True, False], ids=["exactly-once", "at-least-once"])
def sink(kafka: Kafka, request: pytest.FixtureRequest) -> Iterator[KafkaSink]:
    with closing(KafkaSink(kafka.endpoint, PublishOptions(exactly_once=request.param))) as found:
        yield found


def plan(name: str, **options: str) -> TopicPlan:
    return TopicPlan(name=name, partitions=2, replication=1, options=options)


def messages(topic: str, *values: bytes) -> Messages:
    return Messages(topic=topic, partitions=[0] * len(values), keys=[None] * len(values), values=list(values))


def commit(writer: Any, sent: Messages, marks: dict[str, Any]) -> None:
    writer.begin()
    writer.publish(sent)
    writer.commit(marks)


def test_marks_follow_their_messages_and_go_with_the_project(sink: KafkaSink, database_name: str) -> None:
    sink.make_topic(plan(database_name))
    sink.make_topic(plan(database_name))
    assert sink.topics([database_name, "nowhere"]) == {database_name: 2}
    assert sink.marks(database_name) == {}
    with closing(sink.writer(f"{database_name}/load", 1, 0)) as writer:
        commit(writer, messages(database_name, b"1"), {"a": {"n": 1}, "b": 2})
        writer.begin()
        writer.publish(messages(database_name, b"2"))
        writer.rollback()
        commit(writer, messages(database_name, b"3"), {"a": {"n": 3}, "b": None})
    assert sink.marks(database_name) == {"a": {"n": 3}}
    sink.forget(database_name)
    assert sink.topics([f"_ferryman.{database_name}"]) == {}


def test_a_message_too_large_is_refused_and_never_dropped(sink: KafkaSink, database_name: str) -> None:
    sink.make_topic(plan(database_name, **{"max.message.bytes": "2000", "compression.type": "producer"}))
    with closing(sink.writer(f"{database_name}/apply", 1, 0)) as writer:
        noise = random.Random(1).randbytes(10_000)  # it must not shrink when compressed
        small = [b"%d" % n for n in range(1000)]
        with pytest.raises(FerrymanError) as refused:
            commit(writer, messages(database_name, *small, noise, *small), {"checkpoint": 1})
        assert refused.value.code == "sink.too_large"
        writer.rollback()
        assert sink.marks(database_name) == {}
        commit(writer, messages(database_name, b"small"), {"checkpoint": 2})
    assert sink.marks(database_name) == {"checkpoint": 2}


def test_the_last_message_of_each_partition_names_its_change(kafka: Kafka, database_name: str) -> None:
    with closing(KafkaSink(kafka.endpoint, PublishOptions(exactly_once=False))) as sink:
        sink.make_topic(plan(database_name))
        assert sink.latest([database_name]) == {}
        with closing(sink.writer(f"{database_name}/apply", 1, 0)) as writer:
            named = Messages(
                topic=database_name, partitions=[0, 0], keys=[None] * 2, values=[b"1", b"2"], names=["7:0", "7:1"]
            )
            commit(writer, named, {"checkpoint": 1})
        assert sink.latest([database_name]) == {(database_name, 0): "7:1"}


def test_a_new_writer_shuts_out_the_one_before(kafka: Kafka, database_name: str) -> None:
    sink = KafkaSink(kafka.endpoint, PublishOptions())
    sink.make_topic(plan(database_name))
    before = sink.writer(f"{database_name}/apply", 1, 0)
    before.begin()
    before.publish(messages(database_name, b"old"))
    after = sink.writer(f"{database_name}/apply", 2, 0)
    with pytest.raises(LeaseLostError):
        before.commit({"checkpoint": "old"})
    commit(after, messages(database_name, b"new"), {"checkpoint": "new"})
    assert sink.marks(database_name) == {"checkpoint": "new"}


def test_who_was_shut_out_stays_out_after_giving_up(kafka: Kafka, database_name: str) -> None:
    """I7: another producer of the same name, made after a rollback, would shut out the one who holds the lane now."""
    with closing(KafkaSink(kafka.endpoint, PublishOptions())) as found:
        found.make_topic(plan(database_name))
        before = found.writer(f"{database_name}/load", 1, 0)
        before.begin()
        before.publish(messages(database_name, b"old"))
        before._producer.flush(30.0)  # the broker knows of the transaction
        after = found.writer(f"{database_name}/load", 2, 0)
        before.rollback()
        with pytest.raises(LeaseLostError):
            before.begin()
        commit(after, messages(database_name, b"new"), {"chunk": 1})
        assert found.marks(database_name) == {"chunk": 1}


def test_a_topic_that_cannot_be_is_refused(kafka: Kafka) -> None:
    sink = KafkaSink(kafka.endpoint, PublishOptions())
    with pytest.raises(UsageError, match="takes no topic named 'a b'"):
        sink.make_topic(plan("a b"))
    with pytest.raises(FerrymanError) as refused:
        sink.make_topic(TopicPlan(name="copies", partitions=1, replication=9, options={}))
    assert refused.value.code == "sink.topic_refused"


def test_a_login_is_checked(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.connectors.kafka.sink.ANSWER_SECONDS", 5.0)

    def answer(password: str) -> dict[str, int]:
        endpoint = Endpoint(scheme="kafka", port=kafka.sasl_port, username=kafka.user, password=password)
        return KafkaSink(endpoint, PublishOptions()).topics(["nowhere"])

    assert answer(kafka.password) == {}
    with pytest.raises(FerrymanError) as refused:
        answer("wrong")
    assert refused.value.code == "endpoint.access_denied"
    assert "wrong" not in refused.value.message


Options = dict[str, str]


@pytest.mark.parametrize(
    ("port", "options", "code", "said"),
    [
        ("sasl", {"sasl_mechanism": "SCRAM-SHA-512"}, "endpoint.access_denied", "supported mechanisms: PLAIN"),
        ("sasl", {"sasl_mechanism": "NONE-SUCH"}, "usage.wrong_option", "Unsupported SASL mechanism: NONE-SUCH"),
        ("plain", {"security_protocol": "SASL_PLAINTEXT"}, "endpoint.access_denied", "handshake failed"),
        ("plain", {"security_protocol": "SSL"}, "endpoint.unreachable", "SSL connection closed by peer"),
        ("plain", {"security_protocol": "NONE-SUCH"}, "usage.wrong_option", "security.protocol"),
        ("plain", {"security_protocol": "SSL", "ssl_ca": "/nowhere/ca.pem"}, "usage.wrong_option", "ssl.ca.location"),
    ],
)
def test_a_wrong_way_in_is_told_in_one_line(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, port: str, options: Options, code: str, said: str
) -> None:
    monkeypatch.setattr("ferryman.connectors.kafka.sink.ANSWER_SECONDS", 5.0)
    number = kafka.sasl_port if port == "sasl" else kafka.port
    login = {} if options.get("security_protocol") == "SSL" else {"username": kafka.user, "password": kafka.password}
    with pytest.raises(FerrymanError) as refused:
        KafkaSink(Endpoint(scheme="kafka", port=number, options=options, **login), PublishOptions()).check()
    assert refused.value.code == code
    assert said in refused.value.message
    assert refused.value.hint
    assert "\n" not in str(refused.value)
    assert kafka.password not in str(refused.value)


@pytest.mark.parametrize("options", [{"compression": "none-such"}, {"linger_ms": "soon"}])
def test_an_option_that_the_client_does_not_take(sink: KafkaSink, options: Options, kafka: Kafka) -> None:
    endpoint = replace(kafka.endpoint, options=options)
    with pytest.raises(UsageError) as refused:
        KafkaSink(endpoint, PublishOptions(exactly_once=sink.exactly_once)).writer("p/apply", 1, 0)
    assert refused.value.code == "usage.wrong_option"


def test_a_message_that_no_queue_holds_is_refused_at_once(
    sink: KafkaSink, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferryman.connectors.kafka.sink.QUEUE_BYTES", 1 << 20)
    sink.make_topic(plan(database_name))
    with closing(sink.writer(f"{database_name}/apply", 1, 0)) as writer:
        with pytest.raises(FerrymanError) as refused:
            commit(writer, messages(database_name, b"small", bytes(2 << 20), b"small"), {"checkpoint": 1})
        writer.rollback()
        commit(writer, messages(database_name, b"small"), {"checkpoint": 2})
    assert refused.value.code == "sink.too_large"
    assert sink.marks(database_name) == {"checkpoint": 2}


def test_what_a_user_may_not_do_is_told_with_the_right_it_lacks(tmp_path: Path) -> None:
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    settings = {"authorizer.class.name": authorizer, "super.users": "User:ANONYMOUS"}
    with Kafka(tmp_path / "kafka", settings=settings) as server:
        KafkaSink(server.endpoint, PublishOptions()).make_topic(plan("shut"))
        admin = AdminClient(
            {"bootstrap.servers": f"127.0.0.1:{server.port}", "log_level": 0, "error_cb": lambda _: None}
        )
        endpoint = Endpoint(scheme="kafka", port=server.sasl_port, username=server.user, password=server.password)

        def grant(kind: ResourceType, name: str, operation: AclOperation) -> None:
            entry = AclBinding(
                kind, name, ResourcePatternType.PREFIXED, f"User:{server.user}", "*", operation, AclPermissionType.ALLOW
            )
            for answer in admin.create_acls([entry]).values():
                answer.result()

        def refusal(action: Callable[[KafkaSink], object], *, exactly_once: bool) -> str:
            with pytest.raises(FerrymanError) as refused:
                action(KafkaSink(endpoint, PublishOptions(exactly_once=exactly_once)))
            assert refused.value.code == "endpoint.access_denied"
            return refused.value.hint

        def publish(sink: KafkaSink) -> None:
            with closing(sink.writer("p/apply", 1, 0)) as writer:
                commit(writer, messages("shut", b"1"), {"checkpoint": 1})

        assert "Create" in refusal(lambda sink: sink.make_topic(plan("new")), exactly_once=True)
        assert "_ferryman" in refusal(publish, exactly_once=False)  # the topic of the marks cannot be made
        grant(ResourceType.TOPIC, "_ferryman", AclOperation.ALL)
        assert "transactional ids" in refusal(publish, exactly_once=True)
        grant(ResourceType.TRANSACTIONAL_ID, "ferryman/", AclOperation.ALL)
        grant(ResourceType.TOPIC, "shut", AclOperation.DESCRIBE)
        for exactly_once in (True, False):
            assert "Write on the topics" in refusal(publish, exactly_once=exactly_once)
        grant(ResourceType.TOPIC, "shut", AclOperation.WRITE)
        for exactly_once in (True, False):
            publish(KafkaSink(endpoint, PublishOptions(exactly_once=exactly_once)))


def test_a_broker_that_is_away_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.connectors.kafka.sink.ANSWER_SECONDS", 1.0)
    with pytest.raises(FerrymanError) as refused:
        KafkaSink(Endpoint(scheme="kafka", port=free_port()), PublishOptions()).check()
    assert refused.value.code == "endpoint.unreachable"
    assert "refused" in refused.value.message
