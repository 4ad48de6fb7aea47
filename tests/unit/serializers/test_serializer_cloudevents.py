"""CLOUDEVENTS: the attributes CloudEvents 1.0 asks for, ids that stay, both images over every type."""

from __future__ import annotations

from dataclasses import replace

import pytest
from serializer_cases import LOAD, NAME, PLAIN, PLAIN_AFTER, TABLE, border, ddl, event, heartbeat, message

from ferryman.model.changes import Operation
from ferryman.model.project import PublishOptions
from ferryman.serializers.registry import serializer_for

INSERT, UPDATE, DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE
HEAD = {"specversion": "1.0", "source": "/ferryman/MYSQL/shop", "datacontenttype": "application/json"}
SUBJECT = {"subject": f"shop.{NAME.table}"}
TIME = {"time": "2020-12-30T16:11:11.000Z"}


@pytest.mark.parametrize("operation", Operation)
def test_a_change(operation: Operation) -> None:
    kind = operation.name.lower()
    assert message("CLOUDEVENTS", operation) == HEAD | SUBJECT | TIME | {
        "id": f"2:77:4:{kind}",
        "type": f"ferryman.row.{kind}",
        "data": {
            "before": None if operation is INSERT else PLAIN,
            "after": None if operation is DELETE else PLAIN_AFTER,
        },
    }


def test_a_row_of_the_load_is_named_by_its_key() -> None:
    found = message("CLOUDEVENTS", INSERT, origin=LOAD)
    data = {"before": None, "after": PLAIN}
    assert found == HEAD | SUBJECT | {
        "id": f'full:{NAME.table}:"7"', "type": "ferryman.row.insert", "data": data
    }  # fmt: skip
    bag = replace(TABLE, indexes=())
    serializer = serializer_for(PublishOptions(format="CLOUDEVENTS"))
    rows = [serializer.rows(event(INSERT, origin=LOAD, table=bag))[0] for _ in range(2)]
    assert rows[0] != rows[1]


def test_statements_and_heartbeats() -> None:
    assert ddl("CLOUDEVENTS") == HEAD | SUBJECT | TIME | {
        "id": "2:77:ferryman.schema.change",
        "type": "ferryman.schema.change",
        "data": {"verb": "ALTER", "sql": "ALTER TABLE `every%type` ADD c INT"},
    }
    assert heartbeat("CLOUDEVENTS") == HEAD | TIME | {
        "id": "2:77:ferryman.heartbeat:1609344671",
        "source": "/ferryman/MYSQL",
        "type": "ferryman.heartbeat",
        "data": None,
    }


def test_begin_and_end_of_a_transaction() -> None:
    for begins, word, kind in ((True, "begin", "begin"), (False, "commit", "end")):
        assert border("CLOUDEVENTS", begins=begins) == HEAD | TIME | {
            "id": f"2:77:{word}",
            "source": "/ferryman/MYSQL",
            "type": f"ferryman.transaction.{kind}",
            "data": {"transaction": "b.000002/77"},
        }
