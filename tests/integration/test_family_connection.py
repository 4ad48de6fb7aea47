"""Ways in: unix socket, TLS with and without a known authority, settings of the session."""

import dataclasses
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.rows.wire import read_rows
from ferryman.embedded import MariaDb
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.types import ColumnType, Kind

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(120)]
TYPES = (ColumnType(kind=Kind.INTEGER, bits=64), ColumnType(kind=Kind.BLOB))
ROWS = "SELECT seq, REPEAT(CHAR(seq % 256 USING binary), 5000) FROM mysql.seq_1_to_2000"


def read(connection):
    return sum(batch.row_count for batch in read_rows(connection, ROWS, TYPES, batch_bytes=1 << 18))


def certificate(directory, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (directory / f"{name}.key").chmod(0o644)
    return directory / f"{name}.pem", directory / f"{name}.key"


@pytest.fixture(scope="module")
def secure(servers_directory):
    ours, key = certificate(servers_directory, "ours")
    certificate(servers_directory, "theirs")
    server = MariaDb(servers_directory / "secure", settings={"ssl-cert": str(ours), "ssl-key": str(key)}).start()
    yield server
    server.remove()


def cipher(endpoint, **options):
    with open_connection(dataclasses.replace(endpoint, options=options)) as connection:
        assert read(connection) == 2000
        return connection.query("SHOW STATUS LIKE 'Ssl_cipher'")[0][1]


def test_rows_over_tls(secure, servers_directory):
    endpoint = secure.endpoint
    assert cipher(endpoint) != ""
    assert cipher(endpoint, ssl_mode="REQUIRED") != ""
    assert cipher(endpoint, ssl_ca=str(servers_directory / "ours.pem")) != ""
    assert cipher(endpoint, ssl_mode="disabled") == ""


def test_a_server_of_another_authority_or_name_is_refused(secure, servers_directory):
    ours, theirs = str(servers_directory / "ours.pem"), str(servers_directory / "theirs.pem")
    for options in ({"ssl_ca": theirs}, {"ssl_ca": ours, "ssl_mode": "VERIFY_IDENTITY"}):
        with pytest.raises(FerrymanError) as caught:
            open_connection(dataclasses.replace(secure.endpoint, options=options))
        assert caught.value.code == "endpoint.unreachable"
        assert "certificate" in caught.value.message.lower()


def test_files_that_are_not_there_or_no_certificates(mariadb, tmp_path):
    (tmp_path / "junk").write_text("junk")
    for options in ({"ssl_ca": "/no/such"}, {"ssl_cert": str(tmp_path / "junk")}, {"ssl_mode": "sometimes"}):
        with pytest.raises(UsageError) as caught:
            open_connection(dataclasses.replace(mariadb.endpoint, options=options))
        assert caught.value.code == "usage.bad_url"


def test_tls_where_the_server_has_none(mariadb):
    with pytest.raises(FerrymanError) as caught:
        open_connection(dataclasses.replace(mariadb.endpoint, options={"ssl_mode": "REQUIRED"}))
    assert caught.value.code == "endpoint.unreachable"


def test_rows_over_a_unix_socket(mariadb):
    options = {"unix_socket": str(mariadb.socket)}
    with open_connection(dataclasses.replace(mariadb.endpoint, options=options, port=1)) as connection:
        assert read(connection) == 2000
        assert connection.query("SELECT 1") == [("1",)]
    with pytest.raises(FerrymanError, match="/no/such"):
        open_connection(dataclasses.replace(mariadb.endpoint, options={"unix_socket": "/no/such"}))


def test_an_error_in_the_middle_of_a_result_leaves_the_connection_usable(mariadb):
    with open_connection(mariadb.endpoint) as connection:
        sql = "SELECT seq, IF(seq < 1500, 'x', (SELECT 1 UNION SELECT 2)) FROM mysql.seq_1_to_2000"
        with pytest.raises(FerrymanError) as caught:
            list(read_rows(connection, sql, TYPES))
        assert caught.value.code == "endpoint.query_failed"
        assert caught.value.context["errno"] == 1242
        assert connection.query("SELECT 1") == [("1",)]
        assert read(connection) == 2000


@pytest.mark.oceanbase
@pytest.mark.parametrize("name", ["mariadb", "oceanbase"])
def test_sessions_are_fixed_whatever_the_servers_defaults(request, name):
    with open_connection(request.getfixturevalue(name).endpoint, writer=True) as connection:
        zone, mode, checks, unique = connection.query(
            "SELECT @@time_zone, @@sql_mode, @@foreign_key_checks, @@unique_checks"
        )[0]
        assert (zone, checks, unique) == ("+00:00", "0", "1")
        assert "STRICT_ALL_TABLES" in mode
        assert "NO_ZERO" not in mode
        assert connection.query("SELECT NOW(6) = UTC_TIMESTAMP(6), 'é😀', x'ff00', %s", ("a'\\b",)) == [
            ("1", "é😀", b"\xff\x00", "a'\\b")
        ]
        if name == "oceanbase":
            limit = connection.query("SELECT @@ob_query_timeout, @@ob_trx_timeout")[0]
            assert all(int(microseconds) > 86_400_000_000 for microseconds in limit)


@pytest.mark.parametrize("size", [0xFFFFFE, 0xFFFFFF, 0x1000000, 2 * 0xFFFFFF])
def test_a_statement_of_many_packets_goes_in_pieces(mariadb, size):
    with open_connection(mariadb.endpoint, writer=True) as before:
        usual = before.query("SELECT @@GLOBAL.max_allowed_packet")[0][0]
        before.execute("SET GLOBAL max_allowed_packet=67108864")
        try:
            with open_connection(mariadb.endpoint, writer=True) as connection:
                statement = b"SET @piece='%s'" % (b"x" * (size - 14))
                packet = memoryview(bytearray(b"\0\0\0\0\x03" + statement))
                assert len(packet) - 4 == size
                connection.execute_packet(packet)
                assert connection.query("SELECT LENGTH(@piece)")[0][0] == str(size - 14)
        finally:
            before.execute(f"SET GLOBAL max_allowed_packet={usual}")
