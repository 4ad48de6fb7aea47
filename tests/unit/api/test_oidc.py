"""Logins by a real OpenID Connect provider on this machine, and what must not pass for one."""

from __future__ import annotations

import time
import warnings
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from ferryman.api.application import create_application
from ferryman.control.alerts.book import Alerts
from ferryman.control.oidc.logins import OidcLogins
from ferryman.control.oidc.provider import Provider
from ferryman.control.oidc.settings import OidcSettings, settings_of
from ferryman.control.prechecks import Prechecks
from ferryman.control.roles import Role
from ferryman.foundation.errors import FerrymanError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oidc_provider_mock
    from starlette.testclient import TestClient

pytestmark = pytest.mark.filterwarnings("ignore")  # the provider's own

WAY, BACK = "/api/v1/session/oidc", "/api/v1/session/oidc/callback"
PEOPLE = {
    "1": {"preferred_username": "ada", "groups": ["dba", "staff"]},
    "2": {"preferred_username": "bob", "groups": "staff"},
    "3": {"preferred_username": "eve", "groups": ["guests"]},
    "4": {"preferred_username": "admin", "groups": ["dba"]},
    "5": {"email": "g+h@example.org", "groups": ["staff"]},
}


@pytest.fixture(scope="module")
def issuer():
    people = [oidc_provider_mock.User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(issuer):
    groups = {Role.ADMIN: frozenset({"dba"}), Role.VIEWER: frozenset({"staff"})}
    return OidcSettings(issuer=issuer, client_id="ferryman", client_secret="geheim", name="Company", groups=groups)


@pytest.fixture
def browser(service, labels, access, metadb, settings):
    logins = OidcLogins(settings, access)
    application = create_application(service, labels, access, Prechecks(metadb), Alerts(metadb), oidc=logins)
    yield TestClient(application, follow_redirects=False, raise_server_exceptions=False)
    with metadb.writing() as tx:
        tx.execute("DELETE FROM account WHERE identity IS NOT NULL")


def at_provider(browser, sub):
    """Press the button, log in at the provider; returns what it sends back."""
    departure = browser.get(WAY)
    assert departure.status_code == 303
    answer = httpx.post(departure.headers["location"], data={"sub": sub})
    assert answer.status_code == 302, answer.text
    return dict(parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True))


def log_in(browser, sub):
    back = at_provider(browser, sub)
    return browser.get(f"{BACK}?{urlencode(back, doseq=True)}")


def refused(answer, code):
    assert answer.headers["x-ferryman-code"] == code, answer.text
    assert "set-cookie" not in answer.headers or "ferryman_session" not in answer.headers["set-cookie"]
    assert code in answer.text  # a page for a person
    return True


def test_the_button_and_the_way_there(browser, issuer):
    assert browser.get("/api/v1/session/providers").json() == [{"id": "oidc", "name": "Company", "login": WAY}]
    departure = browser.get(WAY)
    place = urlsplit(departure.headers["location"])
    asked = {name: values[0] for name, values in parse_qs(place.query).items()}
    assert f"{place.scheme}://{place.netloc}" == issuer
    assert asked["redirect_uri"] == f"http://testserver{BACK}"
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    cookie = departure.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", f"path={WAY}"))
    assert asked["nonce"] not in departure.headers["set-cookie"]  # it is sealed


def test_without_a_provider_there_is_none(client):
    client.auth = None
    assert client.get("/api/v1/session/providers").json() == []
    assert refused(client.get(WAY), "api.not_found")


def test_groups_give_the_role(browser, access):
    answer = log_in(browser, "1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    shown = browser.get("/api/v1/session").json()
    assert (shown["user"], shown["role"]) == ("ada", "admin")
    assert browser.get("/api/v1/accounts").status_code == 200
    assert access.audit(account="ada")[0].action == f"GET {BACK}"
    browser.cookies.clear()
    log_in(browser, "2")
    assert browser.get("/api/v1/session").json()["role"] == "viewer"
    assert browser.get("/api/v1/accounts").status_code == 403


def test_who_has_no_group_stays_out(browser, access):
    assert refused(log_in(browser, "3"), "oidc.no_role")
    assert browser.get("/api/v1/session").status_code == 401
    assert "eve" not in {row.name for row in access.accounts()}


def test_a_name_never_makes_two_accounts_one(browser):
    assert refused(log_in(browser, "4"), "account.name_taken")


def test_a_name_that_no_account_may_have_is_written_otherwise(browser):
    log_in(browser, "5")
    assert browser.get("/api/v1/session").json()["user"] == "g_h@example.org"


def test_a_lost_group_counts_at_the_next_login(browser, access, issuer):
    log_in(browser, "1")
    row = next(row for row in access.accounts() if row.name == "ada")
    access.of_identity(row.identity, "ada", Role.VIEWER)  # the same person, with other groups
    assert browser.get("/api/v1/session").status_code == 401  # what was opened as admin is closed


def test_no_password_opens_such_an_account(browser, access):
    log_in(browser, "1")
    browser.cookies.clear()
    for password in ("", "x"):
        assert browser.get("/api/v1/projects", auth=("ada", password)).status_code == 401
    with pytest.raises(FerrymanError, match="logs in by the provider"):
        access.change_account("ada", password="long enough")
    access.change_account("ada", disabled=True)
    assert refused(log_in(browser, "1"), "api.forbidden")


def test_the_last_admin_with_a_password_stays(browser, access):
    log_in(browser, "1")
    with pytest.raises(FerrymanError, match="nobody would be left"):
        access.delete_account("admin")


def test_a_login_belongs_to_the_browser_that_began_it(browser):
    back = at_provider(browser, "1")
    ticket = browser.cookies.get("ferryman_login")
    browser.cookies.clear()
    assert refused(browser.get(f"{BACK}?{urlencode(back, doseq=True)}"), "oidc.expired")
    at_provider(browser, "1")  # another login of the same browser: its state is another one
    assert refused(browser.get(f"{BACK}?{urlencode(back, doseq=True)}"), "oidc.expired")
    assert refused(browser.get(BACK, headers={"Cookie": f"ferryman_login={ticket[:-4]}AAAA"}), "oidc.expired")


def test_a_login_ends_in_time(browser, monkeypatch):
    back = at_provider(browser, "1")
    monkeypatch.setattr("ferryman.control.oidc.logins.unix_now", lambda: time.time() + 601)
    assert refused(browser.get(f"{BACK}?{urlencode(back, doseq=True)}"), "oidc.expired")


def test_a_code_is_good_once(browser):
    back = urlencode(at_provider(browser, "1"), doseq=True)
    ticket = {"Cookie": f"ferryman_login={browser.cookies.get('ferryman_login')}"}
    assert browser.get(f"{BACK}?{back}").status_code == 303
    browser.cookies.clear()
    assert refused(browser.get(f"{BACK}?{back}", headers=ticket), "oidc.refused")


def test_what_the_provider_refuses(browser):
    back = at_provider(browser, "1")
    asked = {"state": back["state"], "error": "access_denied"}
    assert refused(browser.get(f"{BACK}?{urlencode(asked, doseq=True)}"), "oidc.refused")


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("iss", "https://elsewhere.example"),
        ("aud", "another client"),
        ("aud", ["ferryman", "another client"]),
        ("azp", "another client"),
        ("nonce", "an older one"),
        ("exp", 1),
        ("iat", None),
        ("sub", ""),
        ("sub", 7),
    ],
)
def test_tokens_that_do_not_hold(settings, monkeypatch, wrong, value):
    with pytest.raises(FerrymanError) as caught:
        verified(settings, monkeypatch, {wrong: value})
    assert caught.value.code == "oidc.refused"
    assert "another client" not in caught.value.message


def test_a_token_that_holds_and_signatures_that_do_not(settings, monkeypatch):
    assert verified(settings, monkeypatch, {})["sub"] == "1"
    for kind in ("none", "HS256", "other key"):
        with pytest.raises(FerrymanError, match="does not hold"):
            verified(settings, monkeypatch, {}, kind)


def verified(settings, monkeypatch, change, kind="RS256"):
    """Have the provider's keys be ours, and a token made with them be looked at."""
    from joserfc import jwt
    from joserfc.jwk import KeySet, OctKey, RSAKey

    key = RSAKey.generate_key(2048, {"kid": "k", "use": "sig"})
    public = {"keys": [key.as_dict(private=False)]}
    now = int(time.time())
    claims = {"iss": settings.issuer, "aud": "ferryman", "sub": "1", "nonce": "n", "iat": now, "exp": now + 60} | change
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "RS256" if kind == "other key" else kind, "kid": "k"}
    signing = {
        "HS256": OctKey.import_key(settings.client_secret * 8),
        "other key": RSAKey.generate_key(2048, {"kid": "k"}),
    }
    algorithms = ["RS256", "HS256", "none"]
    token = jwt.encode(header, claims, signing.get(kind, KeySet([key])), algorithms=algorithms)
    provider = Provider(settings)
    monkeypatch.setattr(provider, "_keys", lambda *, fresh: public)
    return provider._verified(token, "n")


def test_a_provider_that_is_not_there(browser, settings, access):
    gone = OidcSettings(issuer="http://localhost:9", client_id="x", default_role=Role.VIEWER)
    with pytest.raises(FerrymanError) as caught:
        OidcLogins(gone, access).depart("http://testserver/back")
    assert caught.value.code == "oidc.provider"


def test_settings_come_from_the_environment():
    given = {"FERRYMAN_OIDC_ISSUER": "https://id.example/", "FERRYMAN_OIDC_CLIENT_ID": "f"}
    found = settings_of(given | {"FERRYMAN_OIDC_OPERATORS": "a, b", "FERRYMAN_OIDC_CLIENT_SECRET": "s"})
    assert (found.issuer, found.groups[Role.OPERATOR], found.default_role) == ("https://id.example", {"a", "b"}, None)
    assert "'s'" not in repr(found)
    assert settings_of({}) is None
    for wrong in (
        {"FERRYMAN_OIDC_ISSUER": "https://id.example"},
        given,  # nobody could log in
        given | {"FERRYMAN_OIDC_DEFAULT_ROLE": "root"},
        given | {"FERRYMAN_OIDC_DEFAULT_ROLE": "viewer", "FERRYMAN_OIDC_ISSUER": "http://id.example"},
    ):
        with pytest.raises(FerrymanError) as caught:
            settings_of(wrong)
        assert caught.value.code == "oidc.settings"
