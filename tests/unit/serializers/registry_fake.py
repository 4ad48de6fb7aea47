"""A stand-in for a schema registry where the real one (`make registry-test`) would be slow: numbers, refusals, logins."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class RegistryFake:
    """Holds schemas; `refuse` makes it answer every POST with this status."""

    def __init__(self) -> None:
        self.schemas: dict[int, Any] = {}
        self.subjects: dict[str, list[int]] = {}
        self.refuse = 0
        self.login = ""
        self.url = ""

    def answer(self, method: str, path: str, authorization: str, body: Any) -> tuple[int, Any]:
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}" if self.login else ""
        if wanted != authorization:
            return 401, {"error_code": 40101, "message": "who are you"}
        if method == "GET":
            return 200, ["AVRO"]
        if self.refuse:
            return self.refuse, {"error_code": self.refuse, "message": "no"}
        _, _, subject, *versions = path.split("/")
        schema = json.loads(body["schema"])
        known = [n for n in self.subjects.get(subject, []) if self.schemas[n] == schema]
        if not known and not versions:
            return 404, {"error_code": 40403, "message": "Schema not found"}
        if not known:
            self.schemas[len(self.schemas) + 1] = schema
            known = [len(self.schemas)]
            self.subjects.setdefault(subject, []).extend(known)
        return 200, {"id": known[0]}


@contextmanager
def running() -> Iterator[RegistryFake]:
    fake = RegistryFake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond("GET", None)

        def do_POST(self) -> None:
            self.respond("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def respond(self, method: str, body: Any) -> None:
            status, answer = fake.answer(method, self.path, self.headers.get("Authorization", ""), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
