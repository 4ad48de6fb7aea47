"""Data sources: both spellings, both forms of password, nothing secret shown."""

from __future__ import annotations

import base64

from oms_schema import validate

from ferryman.foundation.errors import FerrymanError

MYSQL = {"name": "shop", "ip": "10.0.0.1", "port": 3306, "username": "mover", "password": "s3cret!"}


def test_create_and_list(call, service):
    mysql = call("CreateMysqlDataSource", **MYSQL, schema="shop", tryKeepHb=True, description="the shop")
    validate("CreateMySqlDataSource", mysql)
    ocean = {
        "name": "with blanks",
        "ip": "10.0.0.2",
        "port": "2881",
        "userName": "root",
        "password": "x",
        "drcPassword": "y",
    }
    answer = call("CreateOceanBaseDataSource", **ocean, tenant="t1", cluster="c1", drcUserName="drc")
    validate("CreateOceanBaseDataSource", answer)
    assert service.endpoint(answer["data"]).endpoint.username == "root@t1#c1"
    listing = call("ListDataSource")
    validate("ListDataSource", listing)
    assert listing["totalCount"] == 2
    shown = {entry["type"]: entry for entry in listing["data"]}
    assert shown["MYSQL"]["schema"] == "shop"
    assert shown["MYSQL"]["tryKeepHb"] is True
    assert shown["OB_MYSQL"]["connExtraAttributes"]["drcUser"] == "drc"
    assert shown["OB_MYSQL"]["userName"] == "root"
    assert call("ListDataSource", types="OB_MYSQL")["totalCount"] == 1
    assert call("ListDataSource", types=["KAFKA"])["totalCount"] == 0
    assert call("ListDataSource", searchKey="shop")["totalCount"] == 1


def test_no_secret_is_kept_in_documents(call, service):
    ocean = {"name": "o", "ip": "h", "port": 2881, "userName": "root", "password": "pw-1", "drcPassword": "pw-2"}
    found = service.endpoint(call("CreateOceanBaseDataSource", **ocean, innerDrcPassword="pw-3")["data"])
    assert "pw-" not in str(found.api_document)
    assert "pw-" not in str(call("ListDataSource"))


def test_password_as_it_is_comes_first(call, service):
    plain = base64.b64encode(b"looks like base64").decode()
    service.password = plain
    found = call("CreateMySqlDataSource", **MYSQL | {"password": plain})
    assert service.endpoint(found["data"]).endpoint.password == plain


def test_base64_password_is_tried_second(call, service):
    service.password = "s3cret!"
    sent = base64.b64encode(b"s3cret!").decode()
    found = call("CreateMySqlDataSource", **MYSQL | {"password": sent})
    assert service.endpoint(found["data"]).endpoint.password == "s3cret!"


def test_a_refused_login_keeps_nothing(call, service):
    service.password = "another"
    answer = call("CreateMySqlDataSource", **MYSQL)
    validate("CreateMySqlDataSource", answer)
    assert answer["code"] == "PARAM_ERROR"
    assert answer["message"].startswith("Connectivity test failed")
    assert answer["errorDetail"]["code"] == "GHANA-OPERAT000101"
    assert not service.kept_endpoints
    assert "s3cret" not in str(answer)


def test_an_unreachable_server_is_asked_once(call, service):
    service.connect_error = FerrymanError("endpoint.unreachable", "no answer from 10.0.0.1:3306")
    answer = call("CreateMySqlDataSource", **MYSQL | {"password": base64.b64encode(b"abc").decode()})
    assert answer["message"] == "Connectivity test failed: no answer from 10.0.0.1:3306"
    assert answer["advice"]


def test_bad_parameters(call):
    for change in (
        {"port": 0},
        {"port": "x"},
        {"port": 70000},
        {"name": "two words"},
        {"name": "x" * 33},
        {"password": None},
    ):
        answer = call("CreateMySqlDataSource", **MYSQL | change)
        validate("CreateMySqlDataSource", answer)
        assert answer["errorDetail"]["extraContext"]["code"] == "api.wrong_parameter", change
        assert next(iter(change)) in answer["message"]
        assert "s3cret" not in answer["message"]


def test_a_taken_name(call):
    call("CreateMySqlDataSource", **MYSQL)
    answer = call("CreateMySqlDataSource", **MYSQL)
    assert answer["errorDetail"]["extraContext"]["code"] == "endpoint.name_taken"


def test_a_tidb_is_kept_as_one(call, service):
    kept = service.endpoint(call("CreateTiDbDataSource", **MYSQL | {"port": 4000})["data"]).endpoint
    assert (kept.scheme, kept.host, kept.port) == ("tidb", "10.0.0.1", 4000)
    assert call("ListDataSource", types=["TIDB"])["totalCount"] == 1


def test_queues_are_kept_as_their_urls_would_be(call, service):
    kafka = {"name": "k", "endpoint": "one:9093,two:9093", "username": "u", "password": "p"}
    kafka |= {"enableSSL": True, "enableSASL": True, "saslMechanism": "SCRAM-SHA-256"}
    kept = service.endpoint(call("CreateKafkaDataSource", **kafka)["data"]).endpoint
    assert (kept.scheme, kept.options["servers"], kept.username) == ("kafka", "one:9093,two:9093", "u")
    assert (kept.options["security_protocol"], kept.options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-256")
    rocket = {"name": "r", "endpoint": "names:9876", "username": "key", "password": "secret"}
    kept = service.endpoint(call("CreateRocketMqDataSource", **rocket)["data"]).endpoint
    assert (kept.scheme, kept.host, kept.port, kept.username) == ("rocketmq", "names", 9876, "key")
