"""Endpoint URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint
from ferryman.spi.url import format_url, parse_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "mysql://root:pw@db.example:3307/shop",
            Endpoint(scheme="mysql", host="db.example", port=3307, username="root", password="pw", database="shop"),
        ),
        ("mariadb://root@h", Endpoint(scheme="mariadb", host="h", port=3306, username="root")),
        ("tidb://root@h/", Endpoint(scheme="tidb", host="h", port=4000, username="root")),
        (
            "oceanbase://root@sys#c1:p@ss:w@h:2883/d",
            Endpoint(scheme="oceanbase", host="h", port=2883, username="root@sys#c1", password="p@ss:w", database="d"),
        ),
        (
            "oceanbase://u%40t%23c:p%2F%40%3A@h/",
            Endpoint(scheme="oceanbase", host="h", port=2881, username="u@t#c", password="p/@:"),
        ),
        ("mysql://u@[::1]:3310/x", Endpoint(scheme="mysql", host="::1", port=3310, username="u", database="x")),
        (
            "mysql://u@/d%20b?unix_socket=/run/my%20sql.sock&ssl_mode=DISABLED",
            Endpoint(
                scheme="mysql",
                username="u",
                database="d b",
                options={"unix_socket": "/run/my sql.sock", "ssl_mode": "DISABLED"},
            ),
        ),
    ],
)
def test_reads(text, expected):
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "root:SECRET@host/db",
        "ftp://root:SECRET@host/db",
        "root:SECRET@x://host",
        "mysql://root:SECRET@host:port/db",
        "mysql://root:SECRET@host:0/db",
        "mysql://root:SECRET@host:70000/db",
        "mysql://root:12/SECRET@host/db",
        "mysql://root:SECRET/12@host:x/db",
        "mysql://root:12/SECRET@host",
        "mysql://root:12?SECRET@host",
        "mysql://root@t:12?SECRET@host",
        "mysql://root:SECRET@::1/db",
        "mysql://root:SECRET@[::1/db",
        "mysql://root:SECRET@h/a/b",
        "mysql://root:SECRET%ff@h/a",
        "mysql://root:SECRET@h/a?sslmode=REQUIRED",
        "mysql://root:SECRET@h/a?ssl_mode",
        "mysql://root:SECRET@h/a?ssl_mode=x&ssl_mode=y",
        "mysql://root:SECRET@h h/a",
    ],
)
def test_refuses_and_keeps_the_password_to_itself(text):
    with pytest.raises(UsageError) as caught:
        parse_url(text)
    assert caught.value.code == "usage.bad_url"
    assert "SECRET" not in str(caught.value)


_text = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
_endpoints = st.builds(
    Endpoint,
    scheme=st.sampled_from(["mysql", "mariadb", "oceanbase", "tidb"]),
    host=st.sampled_from(["localhost", "10.0.0.1", "::1", "fe80::1", "db-1.example.com"]),
    port=st.integers(1, 65535),
    username=_text,
    password=_text,
    database=_text,
    options=st.dictionaries(st.sampled_from(["unix_socket", "ssl_ca", "ssl_key_password"]), _text, max_size=2),
)


@given(_endpoints)
def test_written_urls_are_read_back(endpoint):
    if endpoint.username == "":
        endpoint = Endpoint(**{**_fields(endpoint), "password": ""})
    assert parse_url(format_url(endpoint, password=True)) == endpoint


@given(_endpoints.filter(lambda e: len(e.password) > 5))
def test_secrets_are_left_out_unless_asked_for(endpoint):
    assert parse_url(format_url(endpoint)).password == ""
    assert "ssl_key_password" not in format_url(endpoint)


def _fields(endpoint):
    return {name: getattr(endpoint, name) for name in Endpoint.__slots__}
