"""The RocketMQ sink against a real broker: order, keys, what is refused, what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.connectors.rocketmq import settings
from ferryman.connectors.rocketmq.sink import RocketMqSink
from ferryman.connectors.rocketmq.trace import TOPIC
from ferryman.embedded import RocketMq
from ferryman.embedded.server import free_port
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint, ProjectSpec, PublishOptions, StepName
from ferryman.model.schema import Schema
from ferryman.pipeline.publish.repeats import CountingWriter
from ferryman.spi.connector import connector_for
from ferryman.spi.precheck import Verdict
from ferryman.spi.sink import Messages, TopicPlan
from rocketmq_reading import queues_of

pytestmark = pytest.mark.rocketmq
OPTIONS = PublishOptions(exactly_once=False, producer_group="shop", tags="orders", topic="{database}-{table}")


@pytest.fixture
def sink(rocketmq: RocketMq) -> Iterator[RocketMqSink]:
    with closing(RocketMqSink(rocketmq.endpoint, OPTIONS)) as found:
        yield found


def made(sink: RocketMqSink, name: str) -> str:
    sink.make_topic(TopicPlan(name=name, partitions=2, replication=1, options={}))
    return name


def numbered(topic: str, first: int, end: int) -> Messages:
    numbers = range(first, end)
    return Messages(
        topic=topic,
        partitions=[n % 2 for n in numbers],
        keys=[b'{"id": "a %d"}' % n for n in numbers],
        values=[b"%d" % n for n in numbers],
        names=[f"7:{n}" for n in numbers],
    )


def test_each_queue_keeps_the_order_with_key_tag_and_name(
    sink: RocketMqSink, rocketmq: RocketMq, database_name: str
) -> None:
    topic = made(sink, database_name)
    made(sink, database_name)  # once more is no error
    assert sink.topics([topic, "nowhere", "a.b"]) == {topic: 2}
    sink.check()
    with closing(sink.writer("np/apply", 1, 0)) as writer:
        writer.begin()
        writer.publish(numbered(topic, 0, 7000))
        writer.commit({})
        assert sink.latest([topic]) == {(topic, 0): "7:6998", (topic, 1): "7:6999"}
        writer.begin()
        writer.publish(numbered(topic, 7000, 7003))
        writer.rollback()
    even, odd = queues_of(rocketmq.endpoint, topic)
    assert [message.body for message in even] == [b"%d" % n for n in range(0, 7000, 2)]
    assert [message.body for message in odd] == [b"%d" % n for n in range(1, 7000, 2)]
    shown = odd[0].properties
    assert (shown["TAGS"], shown["KEYS"], shown["FERRYMAN_ID"]) == ("orders", '{"id":%20"a%201"}', "7:1")


def test_what_comes_again_is_counted(sink: RocketMqSink, database_name: str) -> None:
    topic, told = made(sink, database_name), list[int]()
    with closing(sink.writer("np/apply", 1, 0)) as writer:
        writer.begin()
        writer.publish(numbered(topic, 0, 100))
        writer.commit({})
    with closing(CountingWriter(sink.writer("np/apply", 2, 0), sink.latest([topic]), told.append)) as writer:
        for first in (90, 95, 100):  # from a checkpoint at 90 on, in windows of five
            writer.begin()
            writer.publish(numbered(topic, first, first + 5))
            writer.commit({})
    assert sum(told) == 10


def test_a_message_too_large_is_refused_and_never_dropped(
    sink: RocketMqSink, rocketmq: RocketMq, database_name: str
) -> None:
    topic = made(sink, database_name)
    with closing(sink.writer("np/apply", 1, 0)) as writer:
        writer.begin()
        writer.publish(Messages(topic=topic, partitions=[0], keys=[None], values=[bytes(5 << 20)]))
        with pytest.raises(FerrymanError) as refused:
            writer.commit({})
        assert refused.value.code == "sink.too_large"
        writer.rollback()
        writer.begin()
        writer.publish(Messages(topic=topic, partitions=[0], keys=[None], values=[bytes(3 << 20)]))
        writer.commit({})
    assert [[len(message.body) for message in queue] for queue in queues_of(rocketmq.endpoint, topic)] == [
        [3 << 20],
        [],
    ]


def test_topics_are_never_made_by_sending(sink: RocketMqSink) -> None:
    with closing(sink.writer("np/apply", 1, 0)) as writer:
        writer.begin()
        with pytest.raises(FerrymanError) as missing:
            writer.publish(Messages(topic="nowhere", partitions=[0], keys=[None], values=[b"1"]))
    assert missing.value.code == "sink.topic_missing"
    with pytest.raises(UsageError, match=r"takes no topic named 'a\.b'"):
        made(sink, "a.b")


def test_a_login_is_checked(rocketmq: RocketMq) -> None:
    for wrong in (replace(rocketmq.endpoint, password="wrong"), replace(rocketmq.endpoint, username="")):
        with closing(RocketMqSink(wrong, OPTIONS)) as sink, pytest.raises(FerrymanError) as refused:
            sink.check()
        assert refused.value.code == "endpoint.access_denied"
        assert "wrong" not in refused.value.message


def test_the_precheck_says_what_is_missing(rocketmq: RocketMq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ANSWER_SECONDS", 2.0)
    source = Endpoint(scheme="mysql")

    def verdicts(endpoint: Endpoint, *steps: StepName) -> list[tuple[str, Verdict]]:
        spec = ProjectSpec(name="p", source=source, target=endpoint, publish=OPTIONS, steps=steps)
        checks = connector_for(endpoint).checks
        assert checks is not None
        return [(result.item, result.verdict) for result in checks(endpoint).target_checks(spec, Schema(tables=()))]

    good = [("RDB_CONNECT", Verdict.PASSED), ("MQ_TOPIC_EXIST", Verdict.PASSED)]
    assert verdicts(rocketmq.endpoint, StepName.SCHEMA) == good
    away = Endpoint(scheme="rocketmq", port=free_port())
    assert verdicts(away, StepName.SCHEMA) == [("RDB_CONNECT", Verdict.FAILED)]


def test_message_traces_are_those_that_the_brokers_own_tool_finds(
    rocketmq: RocketMq, database_name: str, tmp_path: Path
) -> None:
    options = replace(OPTIONS, message_trace=True)
    with closing(RocketMqSink(rocketmq.endpoint, options)) as sink:
        topic = made(sink, database_name)
        sink.check()
        with closing(sink.writer("np/apply", 1, 0)) as writer:
            writer.begin()
            writer.publish(numbered(topic, 0, 7000))
            writer.commit({})
    records = traced(rocketmq.endpoint, topic)
    assert {(r[0], r[3], r[6], r[11], r[13]) for r in records} == {("Pub", "shop", "orders", "4", "true")}
    assert sorted(r[7] for r in records) == sorted(f'{{"id":%20"a%20{n}"}}' for n in range(7000))
    assert len({r[5] for r in records}) == 7000
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "tools.yml").write_text(f"accessKey: {rocketmq.user}\nsecretKey: {rocketmq.password}\n")
    shown = rocketmq.tool(tmp_path, "queryMsgTraceById", "-n", f"127.0.0.1:{rocketmq.port}", "-i", records[-1][5])
    found = [line.split() for line in shown.splitlines() if line.startswith("Pub ")]
    assert [(line[1], line[2], line[-1]) for line in found] == [("shop", "127.0.0.1", "success")], shown[-500:]


def traced(endpoint: Endpoint, topic: str) -> list[list[str]]:
    """Return the trace records of a topic's messages."""
    bodies = (message.body.decode() for queue in queues_of(endpoint, TOPIC) for message in queue)
    records = [record.split("\x01") for body in bodies for record in body.split("\x02") if record]
    return [record for record in records if record[4] == topic]
