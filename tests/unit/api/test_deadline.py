"""Requests that do not come to their end: the connection is closed, others are not hindered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from ferryman.api.deadline import DeadlineProtocol

LATE = 0.4


class Quick(DeadlineProtocol):
    seconds = LATE


async def application(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * LATE)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    config = uvicorn.Config(application, http=Quick, lifespan="off", log_config=None, port=0, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def exchange(port, *parts, pause=0.0):
    """Send parts, then read until the other end closes; returns what came."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        for part in parts:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.sendall(part)
            time.sleep(pause)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := peer.recv(4096):
                got += part
    return got


@pytest.mark.parametrize("head", [b"", b"GET", b"GET / HTTP/1.1\r\nhost: x\r\nx-a: "])
def test_a_head_that_does_not_end_is_answered_so(port, head):
    assert exchange(port, head).startswith(b"HTTP/1.1 408 ")


def test_bytes_one_by_one_do_not_help(port):
    assert exchange(port, *[b"G"] * 12, pause=LATE / 6).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_does_not_end_closes_the_connection(port):
    assert exchange(port, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc") == b""


def test_a_whole_request_may_take_its_time_and_the_next_one_may_follow(port):
    request = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert exchange(port, request, last, pause=4 * LATE).count(b"HTTP/1.1 200") == 2
    assert exchange(port, request + last[:20], last[20:]).count(b"HTTP/1.1 200") == 2


def test_a_second_request_that_does_not_end(port):
    got = exchange(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HT", pause=LATE / 4)
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"HTTP/1.1 408") == 1
