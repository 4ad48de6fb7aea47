"""Databases behind an SSH server: every kind is reached, what fails says why, and what breaks is made anew."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace

import pymysql
import pytest

from bastion import PASSWORD, Bastion
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.postgresql.connection import open_connection as open_postgres
from ferryman.connectors.postgresql.log.replication import Replication
from ferryman.connectors.sql_family import tunnel
from ferryman.control.reachability import check_endpoint
from ferryman.foundation.codes import CODES
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.foundation.networks import VARIABLE
from ferryman.spi.url import format_url, parse_url
from real_pipeline import execute


@pytest.fixture
def bastion():
    with Bastion() as running:
        yield running


def through(server, options: str):
    return parse_url(f"{server.url}{'&' if '?' in server.url else '?'}{options}")


def refusal(endpoint) -> FerrymanError:
    with pytest.raises(FerrymanError) as caught:
        check_endpoint(endpoint)
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.mariadb
def test_by_password_and_by_key(mariadb, bastion, tmp_path):
    check_endpoint(through(mariadb, bastion.options()))
    check_endpoint(through(mariadb, bastion.options(ssh_password="", ssh_key=bastion.key_text)))
    file = tmp_path / "key"
    file.write_bytes(bastion.user_key.export_private_key(passphrase="sesame"))
    encrypted = bastion.options(ssh_password="", ssh_key_file=str(file), ssh_key_password="sesame")
    check_endpoint(through(mariadb, encrypted))
    assert bastion.passed == [("127.0.0.1", mariadb.port)] * 3


@pytest.mark.postgres
def test_postgresql_and_its_log(postgres, bastion):
    endpoint = through(postgres, bastion.options())
    check_endpoint(endpoint)
    with open_postgres(endpoint) as connection:
        assert connection.query("SELECT 1") == [(1,)]
    log = Replication(endpoint)
    assert log.query("IDENTIFY_SYSTEM")
    log.close()
    assert bastion.passed == [("127.0.0.1", postgres.port)] * 3


@pytest.mark.oceanbase
def test_oceanbase(oceanbase, bastion):
    check_endpoint(through(oceanbase, bastion.options()))
    assert bastion.passed == [("127.0.0.1", oceanbase.port)]


@pytest.mark.mariadb
def test_many_connections_share_one_ssh_connection(mariadb, bastion):
    endpoint = through(mariadb, bastion.options())
    found: list[int] = []

    def work() -> None:
        with open_connection(endpoint) as connection:
            found.append(len(connection.query("SELECT REPEAT('x', 3000000)")[0][0]))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3_000_000] * 12
    assert len(bastion.connections) == 1


@pytest.mark.mariadb
def test_each_refusal_says_what_it_is(mariadb, bastion, tmp_path):
    other = f"SHA256:{'A' * 43}"
    unknown = refusal(through(mariadb, bastion.options(ssh_host_key="")))
    assert unknown.code == "ssh.host_key_unknown"
    assert bastion.fingerprint in unknown.message
    changed = refusal(through(mariadb, bastion.options(ssh_host_key=other)))
    assert changed.code == "ssh.host_key_changed"
    assert bastion.fingerprint in changed.message
    assert bastion.passed == []
    check_endpoint(through(mariadb, bastion.options(ssh_host_key=f"{other},{bastion.fingerprint}")))
    assert refusal(through(mariadb, bastion.options(ssh_password="wrong"))).code == "ssh.access_denied"
    assert refusal(through(mariadb, bastion.options(ssh_key="no key", ssh_password=""))).code == "ssh.key_invalid"
    assert refusal(through(mariadb, bastion.options(ssh_password=""))).code == "usage.bad_url"
    nowhere = str(tmp_path / "none")
    assert refusal(through(mariadb, bastion.options(ssh_key_file=nowhere, ssh_password=""))).code == "ssh.key_invalid"
    closed = refusal(replace(through(mariadb, bastion.options()), port=1))
    assert (closed.code, "127.0.0.1:1 through ssh://" in closed.message) == ("endpoint.unreachable", True)
    bastion.forbidden = True
    assert refusal(through(mariadb, bastion.options())).code == "ssh.forbidden"
    bastion.stop()
    gone = refusal(through(mariadb, bastion.options()))
    assert (gone.code, "on the way to" in gone.message) == ("endpoint.unreachable", True)


@pytest.mark.mariadb
def test_a_connection_through_a_cut_tunnel_ends_and_the_next_one_opens_another(mariadb, bastion):
    endpoint = through(mariadb, bastion.options())
    with open_connection(endpoint) as connection:
        bastion.cut()
        with pytest.raises(FerrymanError) as caught:
            connection.query("SELECT 1")
        assert caught.value.code == "endpoint.connection_lost"
    check_endpoint(endpoint)
    bastion.stop()
    assert refusal(endpoint).code == "endpoint.unreachable"
    bastion.start()
    check_endpoint(endpoint)


@pytest.mark.mariadb
def test_an_ssh_connection_that_broke_unnoticed_is_replaced(mariadb, bastion):
    endpoint = through(mariadb, bastion.options())
    for _ in range(30):
        check_endpoint(endpoint)
        bastion.cut()


@pytest.mark.mariadb
def test_an_ssh_connection_without_use_is_closed(mariadb, bastion, monkeypatch):
    monkeypatch.setattr(tunnel, "IDLE_SECONDS", 0.05)
    ended = threading.Event()
    bastion.on_lost = ended.set
    check_endpoint(through(mariadb, bastion.options()))
    assert ended.wait(20)
    assert not bastion.connections


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("networks", "code"), [("127.0.0.0/8", None), ("10.0.0.0/8", "network.forbidden"), ("::1/128", "network.forbidden")]
)
def test_networks_hold_for_databases_and_ssh_servers(mariadb, bastion, monkeypatch, networks, code):
    monkeypatch.setenv(VARIABLE, networks)
    for endpoint in (mariadb.endpoint, through(mariadb, bastion.options())):
        if code is None:
            check_endpoint(endpoint)
        else:
            assert refusal(endpoint).code == code


@pytest.mark.mariadb
def test_networks_hold_for_what_stands_behind_the_ssh_server(mariadb, bastion, monkeypatch):
    monkeypatch.setenv(VARIABLE, "127.0.0.1/32")
    inner = replace(through(mariadb, bastion.options()), host="127.0.0.2")
    assert refusal(inner).code == "network.forbidden"
    assert bastion.passed == []
    assert refusal(replace(mariadb.endpoint, scheme="kafka", host="127.0.0.2")).code == "network.forbidden"
    assert refusal(replace(mariadb.endpoint, scheme="rocketmq", host="127.0.0.2")).code == "network.forbidden"


def test_options_that_cannot_be():
    for options in (
        "ssh_host=h",
        "ssh_user=u&ssh_password=p",
        "ssh_host=h&ssh_user=u&ssh_key=k&ssh_key_file=f",
        "ssh_host=h&ssh_user=u&ssh_password=p&ssh_port=0",
        "ssh_host=h&ssh_user=u&ssh_password=p&ssh_host_key=SHA256:short",
        "ssh_host=h&ssh_user=u&ssh_password=p&unix_socket=/s",
    ):
        with pytest.raises(UsageError) as caught:
            parse_url(f"mysql://u:p@h/?{options}")
        assert caught.value.code == "usage.bad_url"
    with pytest.raises(UsageError, match="only databases are reached through an SSH server"):
        parse_url("kafka://h:9092/?ssh_host=h")


def test_secrets_of_a_tunnel_are_never_shown():
    url = "mysql://u:p@h:1/?ssh_host=b&ssh_user=u&ssh_password=one&ssh_key=two&ssh_key_password=three"
    endpoint = parse_url(url)
    shown = format_url(endpoint) + str(endpoint)
    assert not any(secret in shown for secret in ("one", "two", "three"))
    assert parse_url(format_url(endpoint, password=True)) == endpoint


def test_an_installation_without_asyncssh_says_so():
    script = (
        "import sys; sys.modules['asyncssh'] = None\n"
        "from ferryman.control.reachability import check_endpoint\n"
        "from ferryman.spi.url import parse_url\n"
        "from ferryman.foundation.errors import FerrymanError\n"
        "try: check_endpoint(parse_url('mysql://u:p@h:1/?ssh_host=127.0.0.1&ssh_user=u&ssh_password=p'))\n"
        "except FerrymanError as error: print(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "ssh.not_installed"
    assert "ferryman[ssh]" in CODES["ssh.not_installed"].hint


@pytest.mark.mariadb
def test_a_project_whose_tunnels_are_cut_goes_on_and_arrives_equal(mariadb, bastion, database_name, tmp_path):
    target = f"{database_name}_there"
    execute(mariadb, f"CREATE DATABASE {database_name}")
    execute(
        mariadb,
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(300))",
        "INSERT INTO t SELECT seq, REPEAT(seq, 30) FROM seq_1_to_20000",
        database=database_name,
    )
    key = tmp_path / "key"
    key.write_bytes(bastion.user_key.export_private_key())
    url = f"{mariadb.url}/{{}}?{bastion.options(ssh_password='', ssh_key_file=str(key))}"
    command = [
        sys.executable, "-m", "ferryman", "run", "--data-dir", str(tmp_path / "d"), "--name", "cut",
        "--source", url.format(database_name), "--target", url.format(target), "--map", f"{database_name}={target}",
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        cuts = 0
        while running.poll() is None and not has_rows(mariadb, target):
            time.sleep(0.05)
        for row in range(50_000, 50_004):
            if running.poll() is None:
                bastion.stop()
                execute(mariadb, f"INSERT INTO {database_name}.t VALUES ({row}, 'while the tunnel was down')")
                bastion.start()
                cuts += 1
                opened = len(bastion.passed)
                while running.poll() is None and len(bastion.passed) == opened:
                    time.sleep(0.05)
        said = running.communicate(timeout=300)[0]
    finally:
        running.kill()
    assert (running.returncode, cuts > 0) == (0, True), said
    counted = execute(mariadb, f"SELECT COUNT(*), SUM(CRC32(v)) FROM {target}.t")
    assert counted == execute(mariadb, f"SELECT COUNT(*), SUM(CRC32(v)) FROM {database_name}.t")


def has_rows(server, database: str) -> bool:
    try:
        return bool(execute(server, f"SELECT 1 FROM {database}.t LIMIT 1"))
    except pymysql.err.Error:
        return False
