"""The other formats, field by field over every type (oms-behaviour §8.3 to §8.11)."""

from __future__ import annotations

from typing import Any

import pytest
from serializer_cases import COLUMNS, LOAD, NAME, PLAIN, PLAIN_AFTER, border, ddl, heartbeat, message

from ferryman.foundation.errors import UsageError
from ferryman.model.changes import Operation
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.serializers import canal, dataworks, debezium, parquet, shareplex
from ferryman.serializers.registry import FORMATS, serializer_for

NOW = 1609344700.5
WITH_TRANSACTIONS = {"DEFAULT", "DEFAULT_WITH_SCHEMA", "DATAWORKS_V2", "CLOUDEVENTS"}
TRANSACTION = "b.000002/77"
SQL = "ALTER TABLE `every%type` ADD c INT"
DEBEZIUM = PLAIN | {
    "huge": "18446744073709551615", "mask": "0A0B", "day": 18591, "hour": -93662120000, "moment": 1606262462012,
    "stamp": "2020-11-24T16:01:02.012345Z", "zero": "0000-00-00T00:00:00Z", "fixed": "00010000", "bytes": "FF00",
    "photo": "68656C6C6F20776F726C64", "place": "0000000001",
}  # fmt: skip
MAXWELL = PLAIN | {
    "tags": ["a", "b"],
    "moment": "2020-11-25 00:01:02.012300",
    "stamp": "2020-11-24 16:01:02.012345",
    "zero": "0000-00-00 00:00:00.000000",
}
INSERT, UPDATE, DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (canal, dataworks, debezium, shareplex):
        monkeypatch.setattr(module.time, "time", lambda: NOW)


@pytest.mark.parametrize("operation", Operation)
def test_canal(operation: Operation) -> None:
    found = message("CANAL", operation)
    sql_types, mysql_types = found.pop("sqlType"), found.pop("mysqlType")
    assert found == {
        "database": "shop", "table": NAME.table, "type": operation.name, "isDdl": False, "es": 1609344671000,
        "ts": 1609344700500, "sql": "", "data": [PLAIN if operation is DELETE else PLAIN_AFTER],
        "old": [{"word": PLAIN["word"]}] if operation is UPDATE else None, "pkNames": ["id"],
    }  # fmt: skip
    assert sql_types.keys() == mysql_types.keys() == {name for name, _, _ in COLUMNS}
    wanted = {
        "tiny": -6,
        "small": 5,
        "id": 4,
        "big": -5,
        "price": 3,
        "ratio": 6,
        "weight": 8,
        "word": 12,
        "photo": 2004,
    }
    wanted |= {"day": 91, "hour": 92, "moment": 93, "stamp": 93}
    assert {name: sql_types[name] for name in wanted} == wanted
    assert (mysql_types["big"], mysql_types["huge"], mysql_types["moment"]) == ("int64", "bigint", "datetime")


def test_canal_statement_and_heartbeat() -> None:
    absent = dict.fromkeys(("data", "old", "pkNames", "sqlType", "mysqlType"))
    assert ddl("CANAL") == absent | {
        "database": "shop", "table": NAME.table, "type": "ALTER", "isDdl": True, "es": 1609344671000,
        "ts": 1609344700500, "sql": SQL,
    }  # fmt: skip
    assert heartbeat("CANAL") is None


@pytest.mark.parametrize("operation", Operation)
def test_dataworks(operation: Operation) -> None:
    found = message("DATAWORKS_V2", operation, business="erp")
    assert found["version"] == "2.0"
    assert found["extend"] == {"load_fm": "erp"}
    assert found["schema"]["source"] == {
        "dbType": "mysql", "dbVersion": None, "dbName": "shop", "schema": None, "table": NAME.table,
    }  # fmt: skip
    assert [column["name"] for column in found["schema"]["column"]] == list(PLAIN)
    assert found["schema"]["pk"] == ["id"]
    assert found["payload"] == {
        "before": None if operation is INSERT else {"data": PLAIN},
        "after": None if operation is DELETE else {"data": PLAIN_AFTER},
        "op": operation.name,
        "timestamp": {"eventTime": 1609344671000, "systemTime": 1609344700500, "checkpointTime": 1609344671},
        "ddl": None,
        "scn": "160934467100003",
    }


def test_dataworks_statement_and_heartbeat() -> None:
    found = ddl("DATAWORKS_V2")
    assert (found["payload"]["op"], found["payload"]["ddl"], found["extend"]) == ("ALTER", {"text": SQL}, {})
    beat = {"timestamp": {"eventTime": 1609344671000}, "op": "HEARTBEAT"}
    assert heartbeat("DATAWORKS_V2") == {"version": "2.0", "payload": beat}


def test_dataworks_begin_and_end_of_a_transaction() -> None:
    for begins, operation in ((True, "TRANSACTION_BEGIN"), (False, "TRANSACTION_END")):
        assert border("DATAWORKS_V2", begins=begins, business="erp") == {
            "version": "2.0",
            "payload": {
                "before": None, "after": None, "op": operation, "ddl": None, "scn": "160934467100003",
                "timestamp": {"eventTime": 1609344671000, "systemTime": 1609344700500, "checkpointTime": 1609344671},
            },
            "extend": {"load_fm": "erp"},
        }  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(FORMATS) - WITH_TRANSACTIONS - {"AVRO", "PARQUET"}))
def test_a_format_without_records_of_transactions_is_refused_where_they_are_wanted(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} has no records") as refused:
        serializer_for(PublishOptions(format=name, transactions=True))
    assert refused.value.code == "usage.wrong_option"


def test_parquet_without_arrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="PARQUET needs Arrow") as refused:
        serializer_for(PublishOptions(format="PARQUET"), Endpoint(scheme="file"))
    assert (refused.value.code, refused.value.hint) == (
        "usage.wrong_option",
        "install it: pip install 'ferryman[lake]'",
    )
    with pytest.raises(UsageError, match="files only"):
        serializer_for(PublishOptions(format="PARQUET"), Endpoint(scheme="kafka"))


META = {
    "time": "2020-12-30T16:11:11", "posttime": "2020-12-30T16:11:40", "table": f"shop.{NAME.table}",
    "trans": TRANSACTION, "idx": "0/0", "size": 0, "scn": "160934467100003",
}  # fmt: skip


def test_shareplex() -> None:
    meta = META | {"rowid": f"shop.{NAME.table}-7"}
    assert message("SHAREPLEX", INSERT) == {"data": PLAIN_AFTER, "meta": meta | {"op": "ins"}}
    assert message("SHAREPLEX", DELETE) == {"data": PLAIN, "meta": meta | {"op": "del"}}
    assert message("SHAREPLEX", UPDATE) == {"data": {"word": "another"}, "key": PLAIN, "meta": meta | {"op": "upd"}}
    wanted = META | {"rowid": f"shop.{NAME.table}-", "op": "ddl"}
    assert ddl("SHAREPLEX") == {"data": {}, "sql": {"ddl": SQL}, "meta": wanted}
    assert heartbeat("SHAREPLEX") is None


SOURCE = {
    "version": "", "connector": "MYSQL", "name": "OMS", "ts_ms": 1609344671000, "db": "shop", "table": NAME.table,
    "pos": "77@2",
}  # fmt: skip
ENVELOPES: dict[Operation, dict[str, Any]] = {
    INSERT: {"op": "c", "after": DEBEZIUM | {"word": "another"}},
    UPDATE: {"op": "u", "before": DEBEZIUM, "after": DEBEZIUM | {"word": "another"}},
    DELETE: {"op": "d", "before": DEBEZIUM},
}


@pytest.mark.parametrize("operation", Operation)
def test_debezium(operation: Operation) -> None:
    wanted = ENVELOPES[operation] | {"source": SOURCE, "ts_ms": 1609344700500}
    assert message("DEBEZIUM", operation)["payload"] == wanted
    assert message("DEBEZIUMFLATTEN", operation) == wanted
    row = DEBEZIUM if operation is DELETE else DEBEZIUM | {"word": "another"}
    flat = message("DEBEZIUMSMT", operation)
    assert flat == row | {"__deleted": "true" if operation is DELETE else "false"}


def test_debezium_of_a_loaded_row_has_no_place() -> None:
    source = message("DEBEZIUM", INSERT, origin=LOAD)["payload"]["source"]
    assert (source["ts_ms"], source["pos"]) == (0, None)


def test_debezium_declares_the_values_it_writes() -> None:
    found = message("DEBEZIUM", UPDATE, with_schema=True)
    assert found.keys() == {"schema", "payload"}
    fields = {field["field"]: field for field in found["schema"]["fields"]}
    assert list(fields) == ["before", "after", "source", "op", "ts_ms"]
    types = {field["field"]: field["type"] for field in fields["after"]["fields"]}
    wanted = {"id": "int32", "tiny": "int16", "small": "int16", "big": "int64", "huge": "string", "price": "string"}
    wanted |= {"weight": "float64", "mask": "bytes", "photo": "bytes", "day": "int32", "hour": "int64"}
    wanted |= {"moment": "int64", "stamp": "string", "year": "int32", "word": "string"}
    assert {name: types[name] for name in wanted} == wanted


def test_debezium_statement_and_heartbeat() -> None:
    assert [ddl(name) for name in ("DEBEZIUM", "DEBEZIUMFLATTEN", "DEBEZIUMSMT")] == [None] * 3
    assert heartbeat("DEBEZIUM")["payload"]["op"] == "HEARTBEAT"
    assert heartbeat("DEBEZIUMFLATTEN")["source"]["ts_ms"] == 1609344671000
    assert heartbeat("DEBEZIUMSMT") is None


@pytest.mark.parametrize("operation", Operation)
def test_maxwell(operation: Operation) -> None:
    assert message("MAXWELL", operation) == {
        "database": "shop", "table": NAME.table, "type": operation.value, "ts": 1609344671, "xid": TRANSACTION,
        "commit": True, "position": "1609344671", "primary_key": ["7"], "primary_key_columns": ["id"],
        "data": MAXWELL if operation is DELETE else MAXWELL | {"word": "another"},
        "old": MAXWELL if operation is UPDATE else None, "sql": None, "def": None,
    }  # fmt: skip


def test_maxwell_of_a_loaded_row_and_of_a_statement() -> None:
    loaded = message("MAXWELL", INSERT, origin=LOAD)
    assert (loaded["ts"], loaded["xid"], loaded["position"]) == (1600000000, None, None)
    found = ddl("MAXWELL")
    assert (found["type"], found["sql"], found["data"], found["primary_key"]) == ("table-alter", SQL, None, None)
    assert found["def"]["primary-key"] == ["id"]
    assert [column["name"] for column in found["def"]["columns"]] == list(PLAIN)
    assert heartbeat("MAXWELL") is None
