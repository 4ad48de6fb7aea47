"""What a project moves with objects added or removed."""

import pytest

from ferryman.control import objects
from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.schema import ForeignKey, ReferenceAction, Schema, Table
from ferryman.model.selection import Selection

SHOP = Selection(objects=("shop.a*", "shop.x"), exclude=("shop.audit", "shop.ap_*"), rename={"shop": "store"})
KNOWN = [TableName("shop", "apple"), TableName("shop", "x")]


def names(*texts):
    return [TableName(*text.split(".")) for text in texts]


@pytest.mark.parametrize(
    ("added", "new", "old"),
    [
        (["shop.zebra"], "shop.zebra", "shop.apple"),
        (["shop.audit"], "shop.audit", "shop.apple"),
        (["other.*"], "other.anything", "shop.x"),
        (["other"], "other.anything", "shop.x"),
        (["`odd.db`.`t*`"], None, "shop.x"),
    ],
)
def test_new_and_old_never_share_a_table(added, new, old):
    merged, alone = objects.with_added(SHOP, added, {})
    wanted = TableName("odd.db", "t*") if new is None else names(new)[0]
    assert merged.includes(wanted)
    assert alone.includes(wanted)
    assert not SHOP.includes(wanted)
    assert merged.includes(names(old)[0])
    assert not alone.includes(names(old)[0])


@pytest.mark.parametrize(
    ("added", "rename", "why"),
    [
        ([], {}, "no object"),
        (["shop.apple"], {}, "moves already"),
        (["shop.x"], {}, "moves already"),
        (["shop.*"], {}, "moves already"),
        (["shop.z*"], {}, "can be no new object"),
        (["*.z"], {}, "can be no new object"),
        (["sh?p"], {}, "can be no new object"),
        (["shop.ap_1"], {}, "excluded by"),
        (["shop.z"], {"shop": "elsewhere"}, "none of the new"),
        (["shop.z"], {"shop.x": "shop.y"}, "none of the new"),
        (["other.z"], {"other.z": "store.apple"}, "is store.apple at the target"),
        (["other.*"], {"other": "store"}, "in store at the target"),
    ],
)
def test_what_cannot_be_added(added, rename, why):
    with pytest.raises(UsageError, match=why):
        objects.with_added(SHOP, added, rename, KNOWN)


def test_everything_but_what_is_excluded_takes_what_was_excluded():
    merged, alone = objects.with_added(Selection(exclude=("shop.audit",)), ["shop.audit"], {})
    assert merged == Selection()
    assert alone == Selection(objects=("shop.audit",))


def test_removal():
    smaller = objects.with_removed(SHOP, ["shop.x"], KNOWN)
    assert [name for name in KNOWN if smaller.includes(name)] == names("shop.apple")
    assert not objects.with_removed(SHOP, ["shop.apple"], KNOWN).includes(KNOWN[0])
    for gone, why in ((["shop.none"], "names nothing"), (["shop.*"], "nothing would be left"), ([], "no object")):
        with pytest.raises(UsageError, match=why):
            objects.with_removed(SHOP, gone, KNOWN)
    with pytest.raises(UsageError, match="nothing would be left"):
        objects.with_removed(Selection(objects=("a.b",)), ["a.b"])


def test_whoever_acts_on_rows_that_stay_must_stay():
    key = ForeignKey(
        name="fk",
        columns=("a",),
        parent=TableName("d", "parent"),
        parent_columns=("a",),
        on_delete=ReferenceAction.CASCADE,
    )
    schema = Schema(
        tables=(
            Table(name=TableName("d", "child"), columns=(), foreign_keys=(key,)),
            Table(name=TableName("d", "parent"), columns=()),
        )
    )
    with pytest.raises(UsageError, match="must stay"):
        objects.check_cascades(schema, Selection(exclude=("d.parent",)))
    objects.check_cascades(schema, Selection(exclude=("d.child",)))
    objects.check_cascades(schema, Selection(exclude=("d.*",)))
