"""What options mean, and what is refused with one clear line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ferryman.api.native.creation import Wish, selection_of, spec_of
from ferryman.cli import flags, options
from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.project import ApplyOptions, Endpoint, StepName, StopWhen
from ferryman.spi.url import parse_url

SOURCE, TARGET = parse_url("mysql://u:pw@a:3306/shop"), parse_url("oceanbase://root:pw@b:2881")


def wish(**changes):
    return Wish(**{"name": "n", "source": SOURCE, "target": TARGET} | changes)


def test_a_password_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("PW", "geheim")
    assert options.endpoint("--source", "mysql://u@h", "PW").password == "geheim"
    assert options.endpoint("--source", "mysql://u:own@h", "PW").password == "own"
    assert options.endpoint("--source", "mysql://u@h", "NOT_SET").password == ""


@pytest.mark.parametrize("url", ["", "h", "mysql//h", "nosuch://u:geheim@h", "mysql://u:geheim@h:x"])
def test_a_bad_url_names_its_option_and_no_password(url):
    with pytest.raises(UsageError) as caught:
        options.endpoint("--target", url, "X")
    assert caught.value.code == "usage.bad_url"
    assert caught.value.message.startswith("--target: ")
    assert "geheim" not in str(caught.value)


def test_patterns_split_at_commas_outside_backticks():
    assert options.patterns(["a.*, b.t", "`c,d`.`e,f`", "a.*"]) == ("a.*", "b.t", "`c,d`.`e,f`")
    assert options.patterns(None) == ()
    with pytest.raises(UsageError):
        options.patterns(["a.*,"])


def test_renames():
    given = ["old=new", "a.t=b.u", "`o=d`=x", "`a.b`.`c`=d.`e.f`"]
    assert options.renames(given) == {"old": "new", "a.t": "b.u", "o=d": "x", "a.b.c": "d.e.f"}


@pytest.mark.parametrize("text", ["x", "=y", "x=", "a.t=b", ""])
def test_renames_that_cannot_be_read(text):
    with pytest.raises(UsageError, match="--map"):
        options.renames([text])


def test_filters():
    assert options.filters(["shop.orders: a > ':' "]) == {"shop.orders": "a > ':'"}
    for text in ("shop.orders", "shop.orders:", "orders:id > 1", ":id"):
        with pytest.raises(UsageError, match="--where"):
            options.filters([text])


def test_names():
    first = options.default_name(SOURCE, TARGET)
    assert first == options.default_name(parse_url("mysql://other:x@a:3306/shop"), TARGET), (
        "who logs in is no part of it"
    )
    assert first != options.default_name(parse_url("mysql://u:pw@a:3307/shop"), TARGET)
    assert options.check_name(first).startswith("shop-to-b-")
    assert len(options.default_name(parse_url("mysql://h/" + "ü" * 64), TARGET)) <= 64
    for name in ("", "a b", "x" * 65):
        with pytest.raises(UsageError):
            options.check_name(name)


def test_stop_when():
    assert options.stop_when("caught-up") is StopWhen.CAUGHT_UP
    with pytest.raises(UsageError, match="caught-up"):
        options.stop_when("soon")


def test_types_become_steps():
    assert spec_of(wish(types=("verify", "full"))).steps == (StepName.PRECHECK, StepName.LOAD, StepName.VERIFY)
    for types in ((), ("all",)):
        with pytest.raises(UsageError, match="known are schema"):
            spec_of(wish(types=types))


def test_databases_in_the_urls_choose_objects():
    selection = spec_of(wish(target=parse_url("oceanbase://b/store"))).selection
    assert selection.includes(TableName("shop", "t"))
    assert not selection.includes(TableName("other", "t"))
    assert selection.target_name(TableName("shop", "t")) == TableName("store", "t")
    named = spec_of(wish(objects=("other.*",), target=parse_url("oceanbase://b/store"))).selection
    assert named.objects == ("other.*",)
    assert named.rename == {}
    given = spec_of(wish(rename={"shop": "x"}, target=parse_url("oceanbase://b/store"))).selection
    assert given.rename == {"shop": "x"}


@pytest.mark.parametrize(
    ("text", "bytes_"), [("64MiB", 64 << 20), ("20 gib", 20 << 30), (str(1 << 30), 1 << 30), ("1TiB", 1 << 40)]
)
def test_the_size_of_a_log_store(text, bytes_):
    assert options.log_bytes(text) == bytes_


def test_what_the_flags_say_is_kept_of_a_log_is_what_is_kept():
    usual = ApplyOptions()
    assert (flags.LOG_KEPT_HOURS, options.log_bytes(flags.LOG_KEPT_BYTES)) == (
        usual.log_kept_hours,
        usual.log_kept_bytes,
    )


@pytest.mark.parametrize("text", ["", "20", "20GB", "1.5GiB", "-1", "9000TiB"])
def test_sizes_that_no_log_store_has(text):
    with pytest.raises(UsageError, match="log-kept-bytes"):
        options.log_bytes(text)


@pytest.mark.parametrize("name", ["shop", "sho`p", "it's", "s*p"])
def test_the_database_of_the_sources_url_moves_with_all_its_tables(name):
    source = Endpoint(scheme="mysql", host="h", username="u", database=name)
    selection = selection_of(Wish(name="n", source=source, target=replace(source, database="")))
    assert selection.includes(TableName(name, "t"))
    assert not selection.includes(TableName("shoop", "t"))
