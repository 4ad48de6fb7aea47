"""What notices are sent to: a web server that remembers, and a mail server with TLS, both on loopback."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import json
import socketserver
import ssl
import threading
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class WebReceiver:
    """Remembers every call as (path, headers, body); answers with `status` and `answer`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.answer, self.port = 200, b"{}", 0
        self.arrived = threading.Condition()

    def wait_for(self, count: int, seconds: float = 60) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.calls) >= count, seconds), (
                f"{len(self.calls)} of {count} calls"
            )

    def documents(self) -> list[dict]:
        return [json.loads(body) for _, _, body in self.calls]


@contextmanager
def web_receiver(receiver: WebReceiver):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with receiver.arrived:
                receiver.calls.append((self.path, dict(self.headers.items()), body))
                receiver.arrived.notify_all()
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    receiver.port = server.server_port
    with _serving(server):
        yield receiver


class MailReceiver:
    """Remembers logins and messages; `implicit` TLS is from the first byte, else STARTTLS is asked for."""

    def __init__(self, directory, *, implicit: bool) -> None:
        self.implicit = implicit
        self.logins: list[str] = []
        self.messages: list[tuple[list[str], str, bool]] = []
        self.refusal = ""
        self.port = 0
        self.certificate = directory / "mail.pem"
        self.certificate.write_bytes(_certificate())
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(self.certificate)


class _MailHandler(socketserver.BaseRequestHandler):
    """Speaks as much SMTP as smtplib asks for."""

    def handle(self) -> None:
        if self.server.receiver.implicit:
            self._secure()
        else:
            self.secure, self.file = False, self.request.makefile("rwb", 0)
        self.recipients: list[str] = []
        self._say("220 mail.test")
        while (line := self.file.readline()) and self._answer(line.decode().strip()):
            pass

    def _secure(self) -> None:
        self.request = self.server.receiver.tls.wrap_socket(self.request, server_side=True)
        self.secure, self.file = True, self.request.makefile("rwb", 0)

    def _say(self, text: str) -> None:
        self.file.write(text.encode() + b"\r\n")

    def _answer(self, line: str) -> bool:
        word = line.split()[0].upper() if line else ""
        if word == "EHLO":
            self._say("250-mail.test\r\n250 AUTH PLAIN" if self.secure else "250-mail.test\r\n250 STARTTLS")
        elif word == "STARTTLS":
            self._say("220 go on")
            self._secure()
        elif word == "AUTH":
            self.server.receiver.logins.append(line.split()[2])
            self._say("235 ok")
        elif word == "RCPT" and self.server.receiver.refusal:
            self._say(self.server.receiver.refusal)
        elif word == "DATA":
            self._take()
        else:
            if word == "RCPT":
                self.recipients.append(line)
            self._say("221 bye" if word == "QUIT" else "250 ok")
        return word != "QUIT"

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.file.readline().decode()) not in (".\r\n", ""):
            lines.append(line)
        self.server.receiver.messages.append((self.recipients, "".join(lines), self.secure))
        self._say("250 kept")


class _MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    receiver: MailReceiver

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def mail_receiver(receiver: MailReceiver):
    server = _MailServer(("127.0.0.1", 0), _MailHandler)
    server.receiver = receiver
    receiver.port = server.server_address[1]
    with _serving(server):
        yield receiver


@contextmanager
def _serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + built.public_bytes(serialization.Encoding.PEM)
