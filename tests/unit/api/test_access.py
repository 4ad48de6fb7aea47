"""Who may call: sessions, roles, keys, throttling, the audit log (the threats of docs/security.md)."""

from __future__ import annotations

import base64
import ssl
import subprocess
import sys

import pytest

from ferryman.api.server import Certificate, serve
from ferryman.control.roles import Role
from ferryman.control.throttle import FREE_TRIES, Throttle
from ferryman.foundation.errors import FerrymanError, UsageError

LOGIN = {"user": "admin", "password": "open sesame"}


@pytest.fixture
def browser(client):
    """The client without Basic: what a browser with our page is."""
    client.auth = None
    return client


@pytest.fixture
def people(access):
    """An account of each role, removed afterwards."""
    for role in Role:
        access.create_account(f"the-{role.value}", f"pass word {role.value}", role)
    yield
    for role in Role:
        access.delete_account(f"the-{role.value}")


def as_(client, name):
    client.auth = (f"the-{name}", f"pass word {name}")
    return client


# Sessions


def test_a_session_opens_shows_and_ends(browser):
    answer = browser.post("/api/v1/session", json=LOGIN)
    assert answer.status_code == 200
    assert answer.json()["user"] == "admin"
    assert answer.json()["role"] == "admin"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    shown = browser.get("/api/v1/session").json()
    assert shown["csrf"] == answer.json()["csrf"]
    assert browser.get("/api/v1/projects").status_code == 200
    assert browser.delete("/api/v1/session", headers={"X-CSRF-Token": shown["csrf"]}).status_code == 204
    assert browser.get("/api/v1/projects").status_code == 401


def test_a_session_changes_nothing_without_its_token(call, project_request, client):
    project_id = call("CreateProject", **project_request)["data"]
    client.auth, browser = None, client
    csrf = browser.post("/api/v1/session", json=LOGIN).json()["csrf"]
    path = f"/api/v1/projects/{project_id}/start"
    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1] + "x"}, {"X-CSRF-Token": "ä".encode()}):
        answer = browser.post(path, headers=wrong)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "api.csrf"
    assert browser.post(path, headers={"X-CSRF-Token": csrf}).status_code == 200


def test_a_stolen_metadb_opens_nothing(browser, metadb):
    token = browser.post("/api/v1/session", json=LOGIN).cookies["ferryman_session"]
    with metadb.reading() as tx:
        stored = [row["digest"] for row in tx.rows("SELECT digest FROM web_session")]
    assert stored
    assert token not in stored
    browser.cookies.clear()
    for digest in stored:
        assert browser.get("/api/v1/projects", headers={"Cookie": f"ferryman_session={digest}"}).status_code == 401


def test_a_changed_password_ends_sessions_and_remembered_logins(client, access, people):
    assert as_(client, "viewer").get("/api/v1/projects").status_code == 200
    session = access.open_session(access.login("the-viewer", "pass word viewer", "x"))
    access.change_account("the-viewer", password="another one")
    assert client.get("/api/v1/projects").status_code == 401
    assert access.session(session.token) is None
    access.change_account("the-viewer", password="pass word viewer", disabled=True)
    assert client.get("/api/v1/projects").status_code == 401


def test_a_script_gets_no_login_window(browser):
    assert "www-authenticate" in browser.get("/api/v1/projects").headers
    answer = browser.get("/api/v1/projects", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


# Roles


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("GET", "/api/v1/projects", None, "viewer"),
        ("POST", "/api/v2?Action=ListProjects", {}, "viewer"),
        ("POST", "/api/v2?Action=describeProject", {"id": "x"}, "viewer"),
        ("GET", "/api/omsp/v2/sync/x/progress", None, "viewer"),
        ("GET", "/metrics", None, "viewer"),
        ("POST", "/api/v2?Action=CreateLabel", {"name": "l"}, "operator"),
        ("POST", "/api/v2?Action=StartProject&Action=ListProjects", {"id": "x"}, "operator"),
        ("POST", "/api/v2?Action=ListProjects&Action=StartProject", {"id": "x"}, "viewer"),
        ("POST", "/api/v2/?action=StopProject", {"id": "x"}, "operator"),
        ("POST", "/api/v1/projects/x/start", None, "operator"),
        ("DELETE", "/api/v1/projects/x", None, "operator"),
        ("GET", "/api/v1/accounts", None, "admin"),
        ("POST", "/api/v1/accounts", {"name": "n", "password": "long enough"}, "admin"),
        ("GET", "/api/v1/audit", None, "admin"),
        ("GET", "/api/v1/keys", None, "admin"),
    ],
)
def test_roles(client, access, people, method, path, body, least):
    allowed = False
    for role in Role:
        allowed = allowed or role.value == least
        answer = as_(client, role.value).request(method, path, json=body)
        assert (answer.status_code != 403) == allowed, role
    if path == "/api/v1/accounts" and method == "POST":
        access.delete_account("n")


def test_the_last_admin_stays(access):
    for act in (
        lambda: access.change_account("admin", role=Role.VIEWER),
        lambda: access.change_account("admin", disabled=True),
        lambda: access.delete_account("admin"),
    ):
        with pytest.raises(UsageError) as caught:
            act()
        assert caught.value.code == "account.last_admin"
    assert access.known_password("admin", "open sesame")


# Keys


def test_a_key_opens_until_it_is_removed_or_its_account_may_less(client, access, people):
    client.auth = ("the-admin", "pass word admin")
    made = client.post("/api/v1/keys", json={"name": "ci", "role": "operator"}).json()
    assert made["key"] not in client.get("/api/v1/keys").text
    client.auth = None
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert client.get("/api/v1/session", headers=bearer).json() == {
        "user": "the-admin",
        "role": "operator",
        "csrf": None,
        "expires_at": None,
    }
    assert client.get("/api/v1/accounts", headers=bearer).status_code == 403
    client.auth = ("the-admin", "pass word admin")
    assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    client.auth = None
    assert client.get("/api/v1/session", headers=bearer).status_code == 401


def test_a_key_may_do_no_more_than_its_account(access, people):
    _, text = access.create_key("k", "the-operator", Role.OPERATOR, lives_seconds=None)
    access.change_account("the-operator", role=Role.VIEWER)
    assert access.of_key(text).role is Role.VIEWER
    access.change_account("the-operator", disabled=True)
    assert access.of_key(text) is None
    with pytest.raises(UsageError):
        access.create_key("k", "the-viewer", Role.ADMIN, lives_seconds=None)
    _, short = access.create_key("k", "admin", Role.VIEWER, lives_seconds=-1)
    assert access.of_key(short) is None


# Throttling


def test_guessing_is_slowed_down(client):
    wrong = ("admin", "wrong")
    for _ in range(FREE_TRIES):
        assert client.get("/api/v1/projects", auth=wrong).status_code == 401
    answer = client.get("/api/v1/projects", auth=wrong)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    answer = client.post("/api/v2?Action=ListProjects", json={}, auth=("admin", "wrong too"))
    assert answer.status_code == 429
    assert not answer.json()["success"]
    assert client.post("/api/v1/session", json=LOGIN).status_code == 429


def test_pauses_grow_and_belong_to_the_pair():
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE_TRIES):
        throttle.failed("admin", "1.1.1.1")
    first = throttle.blocked_seconds("admin", "1.1.1.1")
    assert first > 0
    assert throttle.blocked_seconds("admin", "2.2.2.2") == 0
    assert throttle.blocked_seconds("other", "1.1.1.1") == 0
    now[0] += first
    assert throttle.blocked_seconds("admin", "1.1.1.1") == 0
    throttle.failed("admin", "1.1.1.1")
    assert throttle.blocked_seconds("admin", "1.1.1.1") > first
    for number in range(40):
        throttle.failed(f"name{number}", "3.3.3.3")
    assert throttle.blocked_seconds("fresh", "3.3.3.3") > 0


def test_a_client_that_knows_the_password_is_not_locked_out_by_guesses(client):
    assert client.get("/api/v1/projects").status_code == 200
    for _ in range(FREE_TRIES + 1):
        client.get("/api/v1/projects", auth=("admin", "wrong"))
    assert client.get("/api/v1/projects").status_code == 200


# The audit log


def test_changes_are_logged_without_secrets(client, call, access):
    call("CreateLabel", name="green")
    call("StartProject", id="np_nope")
    client.post("/api/v2?Action=CreateMySqlDataSource", json={"name": "x", "password": "hunter22", "ip": "h"})
    client.post("/api/v1/endpoints", json={"name": "x", "url": "mysql://u:hunter22@h/db"})
    call("ListProjects")
    entries = client.get("/api/v1/audit", params={"limit": 4}).json()
    assert [entry["action"] for entry in entries] == [
        "POST /api/v1/endpoints",
        "CreateMySqlDataSource",
        "StartProject",
        "CreateLabel",
    ]
    assert [entry["outcome"] for entry in entries][2:] == ["project.unknown", "ok"]
    assert entries[3]["account"] == "admin"
    assert entries[3]["address"] == "testclient"
    assert entries[3]["detail"] == {"name": "green"}
    assert "hunter22" not in str(entries)


def test_refused_changes_are_logged_too(client):
    client.post("/api/v2?Action=StartProject", json={"id": "x"}, auth=("admin", "wrong"))
    client.post("/api/v1/session", json={"user": "eve", "password": "guess12345"})
    entries = client.get("/api/v1/audit", params={"limit": 2}).json()
    assert [entry["outcome"] for entry in entries] == ["api.unauthorized", "api.unauthorized"]
    assert "guess12345" not in str(entries)


# Listening


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_listening_beyond_this_machine_without_a_password(tmp_path, monkeypatch, host):
    monkeypatch.delenv("FERRYMAN_ADMIN_PASSWORD", raising=False)
    for _ in range(2):  # the second time the random password is there already
        with pytest.raises(FerrymanError) as caught:
            serve(tmp_path, host=host, port=0)
        assert caught.value.code == "serve.password_not_set"


def test_a_certificate_is_looked_at_first(tmp_path):
    chain, key = certificate(tmp_path)
    Certificate(chain, key).check()
    for wrong in (Certificate(chain, tmp_path / "nothing"), Certificate(key, chain)):
        with pytest.raises(FerrymanError) as caught:
            wrong.check()
        assert caught.value.code == "serve.certificate"


def test_https(tmp_path):
    import os
    import signal
    import urllib.request

    chain, key = certificate(tmp_path)
    command = [sys.executable, "-m", "ferryman", "serve", "--port=0", f"--data-dir={tmp_path / 'data'}"]
    process = subprocess.Popen(
        [*command, f"--tls-cert={chain}", f"--tls-key={key}"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"FERRYMAN_ADMIN_PASSWORD": "open sesame"},
    )
    try:
        url = process.stdout.readline().split()[4]
        assert url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(chain))
        login = base64.b64encode(b"admin:open sesame").decode()
        request = urllib.request.Request(f"{url}/api/v1/session", headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def certificate(directory):
    """Make a certificate of our own for 127.0.0.1."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ferryman test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    chain_file, key_file = directory / "cert.pem", directory / "key.pem"
    chain_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain_file, key_file


def test_a_second_action_is_not_the_one_carried_out(client, call, people, project_request):
    project_id = call("CreateProject", **project_request)["data"]
    path = "/api/v2?Action=ListProjects&Action=StartProject&action=StartProject"
    assert as_(client, "viewer").post(path, json={"id": project_id}).json()["data"][0]["status"] == "INIT"
    client.auth = ("admin", "open sesame")
    assert call("DescribeProjectProgress", id=project_id)["data"]["status"] == "INIT"


def test_an_unknown_account_costs_and_answers_as_a_wrong_password(access, monkeypatch):
    from ferryman.control import passwords

    compared = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda secret, given: compared.append(secret) or real(secret, given))
    told = []
    for name in ("admin", "nobody-here"):
        with pytest.raises(FerrymanError) as caught:
            access.login(name, "wrong password", "10.0.0.9")
        told.append((caught.value.code, caught.value.message))
    assert told[0] == told[1]
    assert len(compared) == 2
