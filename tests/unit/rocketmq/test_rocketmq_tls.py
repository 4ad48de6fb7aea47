"""RocketMQ over TLS: a server is trusted by the named authority only."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ferryman.connectors.rocketmq import wire
from ferryman.connectors.rocketmq.settings import Connection
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint


def certificate(directory: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "queues")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, pem = directory / "server.pem", serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(pem))
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A name server that knows no topic."""
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                with context.wrap_socket(listening.accept()[0], server_side=True) as client:
                    size, header = struct.unpack(">ii", client.recv(8))
                    asked = json.loads(client.recv(size - 4)[:header])
                    said = json.dumps({"code": wire.NO_TOPIC, "opaque": asked["opaque"], "flag": 1}).encode()
                    client.sendall(struct.pack(">ii", 4 + len(said), len(said)) + said)
                    client.recv(1)
            except ssl.SSLError:
                continue  # a client that does not trust us
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1], path
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def ask(port: int, **options: str) -> int:
    with closing(Connection(Endpoint(scheme="rocketmq", port=port, options=options), timeout=10.0)) as connection:
        return len(connection.queues("t")[0])


def test_the_authority_decides(server: tuple[int, Path]) -> None:
    port, authority = server
    assert ask(port, ssl_ca=str(authority)) == 0
    for untrusted in ({"security_protocol": "SSL"}, {"ssl_ca": str(authority.with_name("missing"))}):
        with pytest.raises(FerrymanError) as refused:
            ask(port, **untrusted)
        assert refused.value.code == "endpoint.unreachable"
