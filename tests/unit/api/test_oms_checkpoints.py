"""The three formats of a synchronization's checkpoint."""

import pytest

from ferryman.api.oms.checkpoints import GeaBaseText, SybasePlace, UnixSeconds, read_checkpoint
from ferryman.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("MYSQL", "1661241223", UnixSeconds(1661241223)),
        ("OB_MYSQL", "0", UnixSeconds(0)),
        ("sybase", "100,30", SybasePlace(100, 30)),
        ("GEABASE", "vdhmpliedmbfs****", GeaBaseText("vdhmpliedmbfs****")),
    ],
)
def test_each_format_is_read_and_written(source, text, found):
    assert read_checkpoint(source, text) == found
    assert str(found) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [("MYSQL", "100,30"), ("MYSQL", ""), ("MYSQL", "-1"), ("SYBASE", "100"), ("SYBASE", "1,x"), ("SYBASE", "²,1")],
)
def test_what_is_none_is_refused(source, text):
    with pytest.raises(UsageError) as caught:
        read_checkpoint(source, text)
    assert caught.value.code == "api.wrong_parameter"


def test_before_there_is_one_it_is_zero():
    assert str(UnixSeconds(-5)) == "0"
