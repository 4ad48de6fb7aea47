"""PostgreSQL's text, both implementations: what is written reads back, escapes, misfits, and the twins agree."""

from __future__ import annotations

import contextlib
import importlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.kernel import copy_text
from ferryman.kernel.copy_text import Form, MisfitError, TextForm, canonical_value, decode_copy
from ferryman.kernel.errors import KernelError
from ferryman.kernel.values import double_text, single_text
from ferryman.model.batch import Batch


@pytest.fixture(params=["python", "native"])
def encode(request: pytest.FixtureRequest):
    if request.param == "python":
        return copy_text.encode_copy
    return pytest.importorskip("ferryman.kernel._copy_text", reason="the native kernel is not built").encode_copy


def single(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits))[0]


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12).map(str.encode)
SINGLES = st.integers(0, 0x7F7FFFFF).map(single).map(single_text)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.none() | st.binary(max_size=9),
        st.none() | SINGLES,
        st.none() | st.floats(allow_nan=False, allow_infinity=False).map(double_text),
        st.none() | st.integers(0, 255).map(lambda n: b"%d" % n),
        st.none() | st.sampled_from([b"-838:59:59.500000", b"00:00:00.000001"]),
    ),
    max_size=12,
)
FORMS = [
    TextForm(Form.TEXT, 12),
    TextForm(Form.BYTES),
    TextForm(Form.SINGLE),
    TextForm(Form.DOUBLE),
    TextForm(Form.BITS, 8),
    TextForm(Form.CLOCK, 6),
]


@given(rows=ROWS)
def test_rows_read_back_and_the_twins_agree(rows):
    batch = Batch.of(rows, len(FORMS))
    made = copy_text.encode_copy(batch, FORMS)
    assert made.count(b"\n") == len(rows)
    assert list(decode_copy(made, FORMS).rows()) == rows
    native = importlib.import_module("ferryman.kernel")
    assert native.encode_copy(batch, FORMS) == made
    assert native.decode_copy(made, FORMS) == decode_copy(made, FORMS)


PIECES = st.sampled_from(
    [b"\t", b"\n", b"\\", b"\\N", b"\\\\x", b"\\t", b"00ff", b"1", b"-", b".", b"e", b"+00", b"t", b"f", b" ", b"NaN",
     b"12:30:00", b"2024-02-30 ", b"0.1", b"1e400", b"3.4028236e+38", b"5e-324", b"1_0", b"infinity", b"BC", b"\0", b"\xff"]
)  # fmt: skip
READ_FORMS = st.sampled_from([TextForm(form, width) for form in Form for width in (0, 1, 3, 6, 64)])


@given(data=st.lists(PIECES, max_size=24).map(b"".join), forms=st.lists(READ_FORMS, min_size=1, max_size=3))
def test_whatever_comes_the_twins_read_the_same_or_refuse_it(data, forms):
    native = pytest.importorskip("ferryman.kernel._copy_text", reason="the native kernel is not built").decode_copy
    shaped = b"\t".join([data.replace(b"\t", b"").replace(b"\n", b"")] * len(forms)) + b"\n"
    for text in (data, data + b"\n", shaped):
        assert outcome(native, text, forms) == outcome(decode_copy, text, forms)


def outcome(decode, text, forms):
    try:
        return decode(text, forms)
    except KernelError as refused:
        return str(refused)


@given(bits=st.integers(0, 2**32 - 1), long=st.integers(0, 2**64 - 1))
def test_every_float_is_read_alike(bits, long):
    native = pytest.importorskip("ferryman.kernel._copy_text", reason="the native kernel is not built").decode_copy
    one, two = struct.unpack("<f", struct.pack("<I", bits))[0], struct.unpack("<d", struct.pack("<Q", long))[0]
    text = b"%.9g\t%r\t%.17g\n" % (one, two, two)
    forms = [TextForm(Form.SINGLE), TextForm(Form.DOUBLE), TextForm(Form.DOUBLE)]
    assert outcome(native, text, forms) == outcome(decode_copy, text, forms)


def test_escapes_and_nulls(encode):
    batch = Batch.of([(b"a\tb\nc\rd\\e", None), (b"\\N", b"\0\xff")], 2)
    made = encode(batch, [TextForm(Form.PLAIN), TextForm(Form.BYTES)])
    assert made == b"a\\tb\\nc\\rd\\\\e\t\\N\n\\\\N\t\\\\x00ff\n"


@pytest.mark.parametrize(
    ("value", "form", "reason"),
    [
        ("ööö ".encode(), TextForm(Form.TEXT, 3), "more than 3 characters"),
        (b"1.505", TextForm(Form.DECIMAL, 2), "more than 2 digits"),
        (b"12:00:00.001", TextForm(Form.CLOCK, 2), "fractional seconds"),
        (b"2020-01-01 00:00:00", TextForm(Form.DATE), "time of day"),
        (b"0.123456789", TextForm(Form.SINGLE), "single precision"),
        (b"1e+39", TextForm(Form.SINGLE), "single precision"),
        (b"256", TextForm(Form.BITS, 8), "more than 8 bits"),
        (b"a\0b", TextForm(Form.PLAIN), "NUL"),
    ],
)
def test_what_the_server_would_change_is_a_misfit(encode, value, form, reason):
    batch = Batch.of([(b"1", None), (b"1", value)], 2)
    with pytest.raises(MisfitError, match=reason.replace("(", r"\(")) as misfit:
        encode(batch, [TextForm(Form.PLAIN), form])
    assert misfit.value.column == 1


def test_what_just_fits_goes_through(encode):
    forms = [TextForm(Form.TEXT, 3), TextForm(Form.DECIMAL, 2), TextForm(Form.CLOCK, 2), TextForm(Form.BITS, 64)]
    row = ("ööö".encode(), b"1.500", b"12:00:00.120", b"18446744073709551615")
    assert encode(Batch.of([row], 4), forms) == "ööö\t1.500\t12:00:00.120\t".encode() + b"1" * 64 + b"\n"


def test_columns_that_do_not_agree_are_refused():
    native = pytest.importorskip("ferryman.kernel._copy_text", reason="the native kernel is not built").encode_copy
    with pytest.raises(ValueError, match="row count"):
        native(Batch(3, Batch.of([(b"a",), (b"b",)], 1).columns), [TextForm(Form.PLAIN)])


@pytest.mark.parametrize(
    ("text", "form", "canonical"),
    [
        (b"t", TextForm(Form.BOOLEAN), b"1"),
        (b"-3.4028235e+38", TextForm(Form.SINGLE), b"-3.4028235e+38"),
        (b"1e+15", TextForm(Form.DOUBLE), b"1000000000000000"),
        (b"NaN", TextForm(Form.DOUBLE), b"NaN"),
        (b"2024-01-01 00:00:00.5+00", TextForm(Form.CLOCK, 3), b"2024-01-01 00:00:00.500"),
        (b"0044-03-15 00:00:00 BC", TextForm(Form.CLOCK, 3), b"0044-03-15 00:00:00 BC"),
        (b"infinity", TextForm(Form.CLOCK, 6), b"infinity"),
        (b"ab  ", TextForm(Form.PADDED, 4), b"ab"),
    ],
)
def test_server_text_becomes_canonical(text, form, canonical):
    assert canonical_value(text, form) == canonical


@pytest.mark.parametrize("data", [b"1\n2", b"1\t2\n", b"\\\n", b"\\x0\n"])
def test_what_no_server_sends_is_refused(data):
    with pytest.raises(KernelError):
        decode_copy(data, [TextForm(Form.BYTES if data.startswith(b"\\x") else Form.PLAIN)])


def test_any_bytes_decode_or_are_refused():
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(3000):
        data = bytes(chance.choice(b"\\\t\nx0tfN1.e-+ :\xff") for _ in range(chance.randrange(30)))
        with contextlib.suppress(KernelError):
            decode_copy(data, [TextForm(chance.choice(list(Form)), 3) for _ in range(chance.randrange(1, 4))])
