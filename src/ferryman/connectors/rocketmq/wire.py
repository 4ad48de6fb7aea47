"""RocketMQ's remoting protocol: frames, batches of messages, stored messages; pure.

A frame is ``length | 1 byte serialization, 3 bytes header length | header (JSON) | body``; all numbers are big-endian.
Name servers and brokers of 4.x and 5.x speak it.
"""

from __future__ import annotations

import base64
import hmac
import json
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 317
"""What we say we are (4.9): a broker uses nothing newer on us."""

SEND, SEND_BATCH, PULL = 310, 320, 11
MAKE_TOPIC, ROUTE, CLUSTER, GREATEST_OFFSET, RUNTIME = 17, 105, 106, 30, 28
"""Codes of requests."""

OK, FAILED, BUSY, FLUSH_TIMEOUT, NO_REPLICA, REPLICA_TIMEOUT = 0, 1, 2, 10, 11, 12
ILLEGAL, UNAVAILABLE, DENIED, NO_TOPIC, NOT_FOUND, RETRY_NOW = 13, 14, 16, 17, 19, 20
"""Codes of answers."""

_NAME_END, _PROPERTY_END = "\x01", "\x02"
_BATCHED = struct.Struct(">iiiii")
_STORED = struct.Struct(">iiiiiqqiq")
_COMPRESSED, _BORN_V6, _STORE_V6 = 0x1, 0x10, 0x20
_MAGIC_V2 = -626843477


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a request."""

    opaque: int
    code: int
    remark: str
    fields: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a broker keeps it."""

    offset: int
    body: bytes
    properties: Mapping[str, str]


def request(code: int, opaque: int, fields: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request's frame."""
    header = {
        "code": code,
        "language": "OTHER",
        "version": VERSION,
        "opaque": opaque,
        "flag": 0,
        "extFields": fields,
        "serializeTypeCurrentRPC": "JSON",
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack(">ii", 4 + len(text) + len(body), len(text)) + text + body


def answer(frame: bytes) -> Answer:
    """Read a frame behind its length; raises `ValueError` when it is none."""
    if len(frame) < 4:
        raise ValueError("a frame without a header")
    size = struct.unpack_from(">i", frame)[0]
    if size >> 24 or size > len(frame) - 4:  # brokers answer in the serialization of the request: JSON
        raise ValueError("a frame with a header that cannot be read")
    header = json.loads(frame[4 : 4 + size])
    fields = {name: str(value) for name, value in (header.get("extFields") or {}).items()}
    return Answer(
        int(header["opaque"]), int(header["code"]), str(header.get("remark") or ""), fields, frame[4 + size :]
    )


def signed(fields: Mapping[str, str], body: bytes, key: str, secret: str) -> dict[str, str]:
    """Return the fields with the access key and the signature over all of them, in the order of their names."""
    found = {**fields, "AccessKey": key}
    content = "".join(found[name] for name in sorted(found)).encode() + body
    found["Signature"] = base64.b64encode(hmac.digest(secret.encode(), content, "sha1")).decode()
    return found


def batch(bodies: Sequence[bytes], properties: Sequence[bytes]) -> bytes:
    """Return messages as the body of one request."""
    parts = []
    for body, named in zip(bodies, properties, strict=True):
        size = 22 + len(body) + len(named)
        parts += [_BATCHED.pack(size, 0, 0, 0, len(body)), body, struct.pack(">h", len(named)), named]
    return b"".join(parts)


def property_text(properties: Mapping[str, str]) -> str:
    """Return properties as they travel."""
    return "".join(f"{name}{_NAME_END}{value}{_PROPERTY_END}" for name, value in properties.items())


def sending(
    group: str, topic: str, queue: int, properties: Mapping[str, str], *, batch: bool = False
) -> dict[str, str]:
    """Return the fields of a request that sends; a topic that is missing is not made by it."""
    return {
        "a": group,
        "b": topic,
        "c": "_",
        "d": "1",
        "e": str(queue),
        "f": "0",
        "g": str(int(time.time() * 1000)),
        "h": "0",
        "i": property_text(properties),
        "j": "0",
        "k": "false",
        "m": "true" if batch else "false",
    }


def stored(body: bytes) -> Iterator[Stored]:
    """Read what a pull brought; raises `ValueError` or `struct.error` when it is damaged."""
    place = 0
    while place < len(body):
        size = struct.unpack_from(">i", body, place)[0]
        if not _STORED.size < size <= len(body) - place:
            raise ValueError("a stored message that is cut off")
        yield _stored(body[place : place + size])
        place += size


def _stored(text: bytes) -> Stored:
    _, magic, _, _, _, offset, _, flags, _ = _STORED.unpack_from(text)
    if flags & _COMPRESSED:
        raise ValueError("a compressed message, which is not ours")
    place = _STORED.size + (20 if flags & _BORN_V6 else 8) + 8 + (20 if flags & _STORE_V6 else 8) + 4 + 8
    size = struct.unpack_from(">i", text, place)[0]
    body = text[place + 4 : place + 4 + size]
    place += 4 + size
    wide = magic == _MAGIC_V2
    place += struct.unpack_from(">h" if wide else ">b", text, place)[0] + (2 if wide else 1)
    size = struct.unpack_from(">h", text, place)[0]
    return Stored(offset, body, properties(text[place + 2 : place + 2 + size].decode()))


def properties(text: str) -> dict[str, str]:
    """Read properties as they travel."""
    pairs = (part.partition(_NAME_END) for part in text.split(_PROPERTY_END) if part)
    return {name: value for name, _, value in pairs}


def document(body: bytes) -> Any:
    """Read a body of an administrative answer: fastjson writes numbers as names of members without quotes."""
    return json.loads(_quoted_names(body.decode()))


def _quoted_names(text: str) -> str:
    found, inside, place = [], False, 0
    while place < len(text):
        sign = text[place]
        if sign == "\\" and inside:
            found.append(text[place : place + 2])
            place += 2
            continue
        inside ^= sign == '"'
        end = place + 1
        if not inside and sign in "{," and end < len(text) and text[end].isdigit():
            while text[end].isdigit():
                end += 1
            sign = f'{sign}"{text[place + 1 : end]}"' if text[end] == ":" else text[place:end]
        found.append(sign)
        place = end
    return "".join(found)
