"""CreateProject: what of the request becomes which part of the project, and what is refused by name."""

from __future__ import annotations

import pytest

from ferryman.model.names import TableName
from ferryman.model.project import ProjectType, SpeedMode, StepName
from ferryman.model.rules import ColumnRules


@pytest.fixture
def create(call, service, project_request):
    def creating(**changes):
        answer = call("CreateProject", **project_request | changes)
        assert answer["success"], answer
        return service.project(answer["data"]).spec

    return creating


@pytest.fixture
def refused(call, project_request):
    def refusing(**changes):
        answer = call("CreateProject", **project_request | changes)
        assert not answer["success"]
        return answer["errorDetail"]["extraContext"]["code"], answer["message"]

    return refusing


def specific(*databases):
    return {"transferMapping": {"mode": "SPECIFIC", "databases": list(databases)}}


def test_steps_follow_the_switches(create):
    spec = create(structTransferConfig={"deferIndexCreation": True})
    assert spec.steps == tuple(
        name for name in StepName if name not in {StepName.INDEX, StepName.SWITCHOVER, StepName.REVERSE}
    ), "index comes by itself"
    assert spec.load.defer_index_creation
    spec = create(name="b", enableIncrTransfer=None, enableFullVerify="false", enableStructTransfer="true")
    assert spec.steps == (StepName.PRECHECK, StepName.SCHEMA, StepName.LOAD)
    assert create(name="c", type="sync").type is ProjectType.SYNC


def test_options(create):
    spec = create(
        fullTransferConfig={
            "allowDestTableNotEmpty": "true",
            "fullTransferSpeedMode": "fast",
            "fullVerifySpeedMode": "STEADY",
        },
        incrTransferConfig={"storeLogKeptHour": 120, "incrSyncConcurrency": 64, "startTimestamp": 1689201369},
    )
    assert spec.load.allow_target_not_empty
    assert (spec.load.mode, spec.load.streams) == (SpeedMode.FAST, 0)
    assert (spec.apply.log_kept_hours, spec.apply.lanes) == (120, 4)
    assert spec.apply.start_timestamp == 0, "full transfer is on: the log begins where the load does"
    only_changes = {"name": "b", "enableFullTransfer": False, "enableFullVerify": False}
    spec = create(**only_changes, incrTransferConfig={"startTimestamp": "1689201369", "incrSyncConcurrency": "8"})
    assert (spec.apply.start_timestamp, spec.apply.lanes) == (1689201369, 8)


def test_specific_selection(create):
    view = {"name": "v", "mappedName": "w"}
    tables = [{"name": "or.ders", "whereClause": " id > 7 "}, {"name": "a`b*"}]
    spec = create(
        **specific({"name": "shop", "mappedName": "store", "tables": tables, "views": [view]}, {"name": "whole"})
    )
    selection = spec.selection
    assert selection.includes(TableName("shop", "or.ders"))
    assert selection.includes(TableName("shop", "a`b*"))
    assert selection.includes(TableName("shop", "v"))
    assert selection.includes(TableName("whole", "anything"))
    assert not selection.includes(TableName("shop", "a`bc"))
    assert not selection.includes(TableName("other", "t"))
    assert selection.where == {"shop.or.ders": "id > 7"}
    assert selection.target_name(TableName("shop", "v")) == TableName("store", "w")
    assert selection.target_name(TableName("shop", "a`b*")) == TableName("store", "a`b*")


def test_wildcard_selection(create):
    mapping = {
        "mode": "WILDCARD",
        "databases": [{"name": "crm", "mappedName": "crm2", "specificTables": [{"name": "p", "whereClause": "x = 1"}]}],
        "databasesBlack": [{"name": "shop", "tables": [{"name": "secrets"}]}],
        "tableAndViewWhiteList": ["shop.*", "crm.p?", "a.*=b.*", "x.t=y.u"],
        "tableAndViewBlackList": ["*.tmp_*"],
    }
    selection = create(transferMapping=mapping).selection
    moved = ("shop.orders", "crm.pa", "a.t", "x.t")
    stay = ("shop.secrets", "shop.tmp_1", "crm.other", "crm.pab", "x.other")
    assert all(selection.includes(TableName(*name.split("."))) for name in moved)
    assert not any(selection.includes(TableName(*name.split("."))) for name in stay)
    assert selection.target_name(TableName("a", "t")) == TableName("b", "t")
    assert selection.target_name(TableName("x", "t")) == TableName("y", "u")
    assert selection.target_name(TableName("crm", "p1")) == TableName("crm2", "p1")
    assert selection.where == {"crm.p": "x = 1"}


def test_filter_columns_are_those_that_move(create):
    wanted = specific({"name": "s", "tables": [{"name": "t", "filterColumns": ["id", "a"]}, {"name": "u"}]})
    selection = create(**wanted).selection
    assert selection.columns == {"s.t": ColumnRules(keep=("id", "a"))}


@pytest.mark.parametrize(
    "mapping",
    [
        {"mode": "SPECIFIC", "databases": []},
        {"mode": "WILDCARD"},
        {"databases": [{"name": None}]},
        {"databases": [{"name": "shop", "tables": [{"name": ""}]}]},
        {"databases": [{"name": "MySQL"}]},
        {"mode": "WILDCARD", "tableAndViewWhiteList": ["sys.*"]},
    ],
)
def test_a_mapping_that_names_nothing_never_means_everything(refused, mapping):
    assert refused(transferMapping=mapping)[0] == "project.invalid"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "update"]}}, "DELETE"),
        (
            specific({"name": "s", "tables": [{"name": "t", "columns": [{"columnName": "a", "mappedName": "b"}]}]}),
            "names",
        ),
        ({"transferMapping": {"mode": "WILDCARD", "tableAndViewWhiteList": ["a.t[0-9]"]}}, "character class"),
        ({"transferMapping": {"mode": "WILDCARD", "tableAndViewWhiteList": ["a.t*=b.all"]}}, "many tables"),
    ],
)
def test_what_is_not_there_yet_is_refused_by_name(refused, changes, word):
    code, message = refused(**changes)
    assert code == "api.not_supported"
    assert word in message


def test_no_step(refused):
    off = dict.fromkeys(("enableStructTransfer", "enableFullTransfer", "enableFullVerify", "enableIncrTransfer"))
    assert refused(**off)[0] == "project.invalid"


def test_unknown_endpoints_and_names(refused):
    assert refused(sourceEndpointId="e_nope")[0] == "endpoint.unknown"
    assert refused(name="with blank")[0] == "api.wrong_parameter"
    assert refused(name="x" * 65)[0] == "api.wrong_parameter"
    assert refused(type="VERIFY")[0] == "api.wrong_parameter"
    assert refused(labelIds=["l_1"] * 6)[0] == "api.wrong_parameter"


def test_the_way_back(create):
    assert create(enableReverseIncrTransfer=True).steps[-1] is StepName.REVERSE
