"""The greatest FLOAT: its shortest text lies, read as a double, beyond it, and the servers refuse that."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest

from ferryman.model.batch import Batch
from ferryman.model.types import Kind


@pytest.mark.parametrize("text", [b"3.4028235e+38", b"-3.4028235e+38"])
def test_the_greatest_float_is_written_as_the_double_it_is(kernel: SimpleNamespace, text: bytes) -> None:
    batch = Batch.of([(text, text), (None, b"1")], 2)
    sql, end = kernel.insert_values(batch, [Kind.FLOAT, Kind.DOUBLE], 0, 1000)
    single, double = sql.split(b")")[0].strip(b"(").split(b",")
    assert end == 2
    assert struct.unpack("<f", struct.pack("<f", float(single)))[0] == float(single)
    assert double == text
    assert kernel.literal(text, Kind.FLOAT) == single
