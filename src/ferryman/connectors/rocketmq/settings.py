"""Endpoints as connections to name servers and brokers, and their answers as our errors."""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.connectors.rocketmq import wire
from ferryman.foundation.errors import FerrymanError, Retry
from ferryman.foundation.networks import allowed_address
from ferryman.model.project import Endpoint

ANSWER_SECONDS = 15.0
_GREATEST_FRAME = 1 << 28
_TOO_LARGE = ("size exceeded", "too large", "exceeds", "msg body length", "properties length")
_REFUSED_LOGIN = ("authentication", "signature", "accesskey", "access key", "acl", "username", "user")
"""Words of brokers' remarks: the codes do not tell."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of a topic."""

    broker: str
    number: int


class Wire:
    """One TCP connection, one thread; requests may be sent ahead of their answers."""

    def __init__(self, address: str, endpoint: Endpoint, timeout: float) -> None:
        self._address, self._endpoint = address, endpoint
        self._numbers = itertools.count(1)
        self._socket = _connected(address, endpoint, timeout)
        self._waiting: dict[int, wire.Answer] = {}

    def send(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> int:
        """Send a request; returns what its answer is asked for by."""
        opaque = next(self._numbers)
        if self._endpoint.username:
            fields = wire.signed(fields, body, self._endpoint.username, self._endpoint.password)
        try:
            self._socket.sendall(wire.request(code, opaque, fields, body))
        except OSError as error:
            raise self._lost(error) from error
        return opaque

    def answer(self, opaque: int) -> wire.Answer:
        """Return the answer to a request."""
        while opaque not in self._waiting:
            found = self._read()
            self._waiting[found.opaque] = found
        return self._waiting.pop(opaque)

    def call(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> wire.Answer:
        """Send a request and return its answer."""
        return self.answer(self.send(code, fields, body))

    def _read(self) -> wire.Answer:
        try:
            size = struct.unpack(">i", self._exactly(4))[0]
            if not 4 <= size <= _GREATEST_FRAME:
                raise ValueError(f"a frame of {size} bytes")
            return wire.answer(self._exactly(size))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._lost(error) from error

    def _exactly(self, size: int) -> bytes:
        found = bytearray(size)
        view, place = memoryview(found), 0
        while place < size:
            got = self._socket.recv_into(view[place:])
            if not got:
                raise ConnectionError("the connection was closed")
            place += got
        return bytes(found)

    def _lost(self, error: Exception) -> FerrymanError:
        reason = str(error) or type(error).__name__
        text = f"the connection to RocketMQ at {self._address} was lost: {reason}"
        return FerrymanError("endpoint.connection_lost", text, retry=Retry.AUTO)

    def close(self) -> None:
        """Close; never raises."""
        self._socket.close()


def _connected(address: str, endpoint: Endpoint, timeout: float) -> socket.socket:
    host, _, port = address.rpartition(":")
    try:
        allowed = allowed_address(host.strip("[]"), int(port), what="RocketMQ", resolve=False)
        made = socket.create_connection((allowed, int(port)), timeout=timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _tls(endpoint).wrap_socket(made, server_hostname=host) if _wants_tls(endpoint) else made
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise FerrymanError(
            "endpoint.unreachable", f"RocketMQ at {address} does not answer: {reason}", retry=Retry.AUTO
        ) from error


def _wants_tls(endpoint: Endpoint) -> bool:
    options = endpoint.options
    return "SSL" in options.get("security_protocol", "").upper() or "ssl_ca" in options


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.options.get("ssl_ca"))
    context.check_hostname = endpoint.options.get("ssl_check_host", "true").lower() != "false"
    return context


class Connection:
    """A cluster: a name server that answers, and a connection to each broker that is asked; one thread."""

    def __init__(self, endpoint: Endpoint, *, timeout: float = ANSWER_SECONDS) -> None:
        self.servers = endpoint.options.get("servers") or f"{endpoint.host}:{endpoint.port}"
        self._endpoint, self._timeout = endpoint, timeout
        self._wires: dict[str, Wire] = {}
        self._names: Wire | None = None

    def broker(self, address: str) -> Wire:
        """Return the connection to a broker."""
        if address not in self._wires:
            self._wires[address] = Wire(address, self._endpoint, self._timeout)
        return self._wires[address]

    def masters(self) -> dict[str, str]:
        """Return the brokers that can be written to: name → address."""
        found = self._ask(wire.CLUSTER, {})
        if found.code != wire.OK:
            raise self.refused(found, "asking for the brokers")
        table: Mapping[str, Any] = wire.document(found.body).get("brokerAddrTable") or {}
        masters = {name: broker["brokerAddrs"].get("0") for name, broker in table.items()}
        return {name: address for name, address in sorted(masters.items()) if address}

    def queues(self, topic: str) -> tuple[list[Queue], dict[str, str]]:
        """Return a topic's queues in their order for good, and where their brokers are; no queues without the topic."""
        found = self._ask(wire.ROUTE, {"topic": topic})
        if found.code == wire.NO_TOPIC:
            return [], {}
        if found.code != wire.OK:
            raise self.refused(found, f"asking for the topic {topic}")
        route = wire.document(found.body)
        data = sorted(route.get("queueDatas") or (), key=lambda data: str(data["brokerName"]))
        addresses = {d["brokerName"]: d["brokerAddrs"].get("0") for d in route.get("brokerDatas") or ()}
        queues = [
            Queue(one["brokerName"], number)
            for one in data
            if addresses.get(one["brokerName"]) and int(one["perm"]) & 2
            for number in range(int(one["writeQueueNums"]))
        ]
        return queues, {name: address for name, address in addresses.items() if address}

    def _ask(self, code: int, fields: Mapping[str, str]) -> wire.Answer:
        """Ask a name server, each in turn until one answers."""
        lost: FerrymanError | None = None
        for server in self.servers.split(","):
            try:
                if self._names is None:
                    self._names = Wire(server, self._endpoint, self._timeout)
                return self._names.call(code, fields)
            except FerrymanError as error:
                lost, self._names = error, None
        assert lost is not None
        if lost.code.startswith("network."):
            raise lost
        raise FerrymanError("endpoint.unreachable", lost.message, retry=Retry.AUTO) from lost

    def refused(self, found: wire.Answer, what: str) -> FerrymanError:
        """Return our error for an answer; `what` says what was being done."""
        remark = found.remark.partition("\n")[0][:300]
        reason, said = f"{what}: {remark or f'code {found.code}'}", remark.casefold()
        if found.code == wire.DENIED and _has(said, _REFUSED_LOGIN):
            return FerrymanError(
                "endpoint.access_denied",
                f"RocketMQ at {self.servers} refused the access key or what it asked for ({what})",
                hint="check access key and secret key of the endpoint, and what the brokers' access control lets them do",
            )
        if found.code == wire.NO_TOPIC:
            return FerrymanError("sink.topic_missing", reason)
        if found.code in {wire.FAILED, wire.ILLEGAL} and _has(said, _TOO_LARGE):
            return FerrymanError("sink.too_large", f"{what}: a message is larger than RocketMQ takes ({remark})")
        if found.code in {wire.ILLEGAL, wire.DENIED}:
            return FerrymanError("sink.refused", reason)
        return FerrymanError("endpoint.connection_lost", reason, retry=Retry.AUTO)

    def close(self) -> None:
        """Close all; never raises."""
        for one in (*self._wires.values(), *filter(None, [self._names])):
            one.close()
        self._wires, self._names = {}, None


def _has(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)
