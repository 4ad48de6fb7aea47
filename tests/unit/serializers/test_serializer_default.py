"""DEFAULT and DEFAULT_WITH_SCHEMA, field by field (oms-behaviour §8.2, §8.6)."""

from __future__ import annotations

import pytest
from serializer_cases import LOAD, NAME, PLAIN, PLAIN_AFTER, border, ddl, heartbeat, message

from ferryman.foundation.errors import UsageError
from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers.registry import serializer_for

META = {
    "checkpoint": "1609344671",
    "record_primary_key": "id",
    "record_primary_value": "7",
    "source_identity": "shop",
    "dbType": "MYSQL",
    "storeDataSequence": 160934467100003,
    "table_name": NAME.table,
    "db": "shop",
    "timestamp": "1609344671",
    "uniqueId": "2:77:4",
    "transId": "b.000002/77",
    "clusterId": None,
}
IMAGES = {
    Operation.INSERT: (None, PLAIN_AFTER),
    Operation.UPDATE: (PLAIN, PLAIN_AFTER),
    Operation.DELETE: (PLAIN, None),
}


@pytest.mark.parametrize("operation", Operation)
def test_a_change_has_images_and_metadata(operation: Operation) -> None:
    before, after = IMAGES[operation]
    assert message("DEFAULT", operation) == {
        "prevStruct": before,
        "postStruct": after,
        "allMetaData": META,
        "recordType": operation.name,
    }


def test_a_loaded_row_is_an_insert_that_names_no_place() -> None:
    found = message("DEFAULT", Operation.INSERT, origin=LOAD)
    absent = ("checkpoint", "source_identity", "storeDataSequence", "timestamp", "uniqueId", "transId")
    assert (found["prevStruct"], found["postStruct"], found["recordType"]) == (None, PLAIN, "INSERT")
    assert found["allMetaData"] == META | dict.fromkeys(absent)


def test_a_schema_statement_is_a_record_of_its_own() -> None:
    found = ddl("DEFAULT")
    assert (found["prevStruct"], found["recordType"]) == (None, "DDL")
    assert found["postStruct"] == {"ddl": "ALTER TABLE `every%type` ADD c INT"}
    place = {"record_primary_key": None, "record_primary_value": None, "uniqueId": "2:77", "ddlType": "ALTER_TABLE"}
    assert found["allMetaData"] == META | place


def test_a_heartbeat_says_how_far_all_is_published() -> None:
    found = heartbeat("DEFAULT")
    assert (found["prevStruct"], found["postStruct"], found["recordType"]) == (None, None, "HEARTBEAT")
    assert found["allMetaData"]["checkpoint"] == "1609344671"


def test_with_schema_each_image_tells_its_types() -> None:
    found = message("DEFAULT_WITH_SCHEMA", Operation.UPDATE)
    types = {name: kind["schemaType"] for name, kind in found["postStruct"].pop("__light_type").items()}
    assert found["prevStruct"].pop("__light_type").keys() == types.keys()
    assert (found["prevStruct"], found["postStruct"]) == (PLAIN, PLAIN_AFTER)
    assert {types[name] for name in ("fixed", "bytes", "photo", "mask", "place")} == {"BLOB"}
    wanted = {"id": "INT", "tiny": "TINYINT", "small": "SMALLINT", "medium": "INT", "big": "INT64", "huge": "BIGINT"}
    wanted |= {"price": "DECIMAL", "ratio": "FLOAT", "weight": "DOUBLE", "day": "DATE", "hour": "TIME"}
    wanted |= {"moment": "DATETIME", "stamp": "TIMESTAMP", "word": "VARCHAR", "extra": "VARCHAR"}
    assert {name: types[name] for name in wanted} == wanted
    assert ddl("DEFAULT_WITH_SCHEMA")["postStruct"]["__light_type"] == {"ddl": {"schemaType": "VAR_STRING"}}


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown format"):
        serializer_for(PublishOptions(format="XML"))


def test_begin_and_end_of_a_transaction() -> None:
    for begins, kind in ((True, "BEGIN"), (False, "COMMIT")):
        found = border("DEFAULT", begins=begins)
        assert (found["prevStruct"], found["postStruct"], found["recordType"]) == (None, None, kind)
        assert found["allMetaData"]["uniqueId"] == f"2:77:{kind.lower()}"
        assert found["allMetaData"]["transId"] == "b.000002/77"
