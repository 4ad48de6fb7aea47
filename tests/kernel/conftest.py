"""One suite for both implementations of the kernel: the twin is the specification, the native one must equal it."""

from __future__ import annotations

import importlib
import os
from types import ModuleType, SimpleNamespace

import pytest

MODULES = ("result_rows", "binlog_rows", "sql_text", "row_digest")


def _native(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"ferryman.kernel._{name}")
    except ImportError:
        return None


def _implementation(name: str) -> SimpleNamespace:
    twins = {module: importlib.import_module(f"ferryman.kernel.{module}") for module in MODULES}
    found = twins if name == "python" else {module: _native(module) for module in MODULES}
    if None in found.values():
        # FERRYMAN_KERNEL=native says that it has to be there: a build that fell back silently must not pass as tested.
        assert os.environ.get("FERRYMAN_KERNEL") != "native", "the native kernel is not built"
        pytest.skip("the native kernel is not built")
    return SimpleNamespace(
        name=name,
        ResultSetDecoder=found["result_rows"].ResultSetDecoder,
        decode_rows=found["binlog_rows"].decode_rows,
        decode_table_map=twins["binlog_rows"].decode_table_map,
        insert_values=found["sql_text"].insert_values,
        load_lines=found["sql_text"].load_lines,
        RowText=found["sql_text"].RowText,
        literal=found["sql_text"].literal,
        row_digests=found["row_digest"].row_digests,
    )


@pytest.fixture(scope="session", params=["python", "native"])
def kernel(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The functions of one implementation."""
    return _implementation(request.param)
