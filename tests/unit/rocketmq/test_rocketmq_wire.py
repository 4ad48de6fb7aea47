"""RocketMQ's protocol: what is written, what is read back, and that damage is noticed."""

from __future__ import annotations

import contextlib
import json
import random
import struct

import pytest

from ferryman.connectors.rocketmq import wire
from ferryman.connectors.rocketmq.settings import Connection
from ferryman.model.project import Endpoint


def stored(body: bytes, properties: dict[str, str], offset: int = 3) -> bytes:
    named, topic = wire.property_text(properties).encode(), b"shop-t"
    text = struct.pack(">iiiiqqiq", -626843481, 0, 0, 0, offset, 0, 0, 0) + bytes(8 + 8 + 8 + 4 + 8)
    text += struct.pack(">i", len(body)) + body + struct.pack(">b", len(topic)) + topic
    text += struct.pack(">h", len(named)) + named
    return struct.pack(">i", 4 + len(text)) + text


def test_a_stored_message_reads_back() -> None:
    both = stored(b"\x00body", {"KEYS": '{"id":1}', "FERRYMAN_ID": "7:0"}) + stored(b"", {}, 4)
    first, second = wire.stored(both)
    assert (first.offset, first.body, first.properties["FERRYMAN_ID"]) == (3, b"\x00body", "7:0")
    assert (second.offset, second.body, second.properties) == (4, b"", {})


def test_a_request_is_signed_over_all_its_fields() -> None:
    signed = wire.signed({"topic": "t", "a": "1"}, b"body", "key", "secret")
    assert signed["AccessKey"] == "key"
    assert signed["Signature"] != wire.signed({"topic": "t", "a": "2"}, b"body", "key", "secret")["Signature"]
    assert signed["Signature"] != wire.signed({"topic": "t", "a": "1"}, b"bodY", "key", "secret")["Signature"]


def test_numbers_as_names_are_understood() -> None:
    assert wire.document(b'{"a":{0:"h:1",12:"h,2:3\\""},"b":[1,2]}') == {"a": {"0": "h:1", "12": 'h,2:3"'}, "b": [1, 2]}


def test_damaged_input_is_refused_in_one_way() -> None:
    dice = random.Random(7)
    whole = stored(b"some body", {"KEYS": "k"})
    answer = wire.request(wire.SEND, 5, {"a": "b"}, b"rest")[4:]
    for _ in range(3000):
        for text, read in ((whole, lambda body: list(wire.stored(body))), (answer, wire.answer)):
            damaged = bytearray(text[: dice.randrange(len(text) + 1)])
            if damaged:
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            with contextlib.suppress(ValueError, struct.error, KeyError, TypeError, AttributeError):
                read(bytes(damaged))


@pytest.mark.parametrize(
    ("code", "remark", "expected"),
    [
        (wire.ILLEGAL, "the message body size exceeded", "sink.too_large"),
        (wire.FAILED, "java.lang.RuntimeException: message body size exceeded, x", "sink.too_large"),
        (wire.ILLEGAL, "the topic is not allowed", "sink.refused"),
        (wire.DENIED, "check signature failed.", "endpoint.access_denied"),
        (wire.NO_TOPIC, "topic[t] not exist", "sink.topic_missing"),
        (wire.FLUSH_TIMEOUT, "", "endpoint.connection_lost"),
        (wire.NO_REPLICA, "", "endpoint.connection_lost"),
        (wire.FAILED, "java.lang.NullPointerException", "endpoint.connection_lost"),
    ],
)
def test_answers_become_codes(code: int, remark: str, expected: str) -> None:
    connection = Connection(Endpoint(scheme="rocketmq"))
    assert connection.refused(wire.Answer(1, code, remark, {}, b""), "publishing").code == expected


def test_a_request_is_a_frame() -> None:
    frame = wire.request(wire.ROUTE, 9, {"topic": "t"}, b"xy")
    length, header = struct.unpack_from(">ii", frame)
    assert length == len(frame) - 4
    assert json.loads(frame[8 : 8 + header])["extFields"] == {"topic": "t"}
    assert frame.endswith(b"xy")
