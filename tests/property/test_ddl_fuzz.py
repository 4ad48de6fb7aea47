"""Whatever stands in a log, replay answers; it never raises, and never takes nonsense for understood rows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.model.schema import Schema, ServerTraits
from ferryman.model.selection import Selection

CORPUS = Path(__file__).parent.parent / "unit" / "ddl" / "corpus.sql"
STATEMENTS = [part.strip() for part in CORPUS.read_text().split(";;") if part.strip()]
TRAITS = ServerTraits(flavour="mariadb", version=(10, 11, 19))


def full_schema() -> Schema:
    schema = Schema(traits=TRAITS)
    for sql in STATEMENTS:
        if sql.upper().startswith("CREATE TABLE"):
            schema = OceanBaseDialect().replay(schema, Selection(), sql, "c").schema
    return schema


SCHEMA = full_schema()
pieces = st.sampled_from(
    [*"()`'\",;.*/!#-\\@ \n\0", "/*", "*/", "--", "/*!40101 ", "DEFAULT", "KEY", "é", "😀", "0x", "b'"]
)


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A statement of the corpus with a few pieces put in, taken out or doubled."""
    sql = draw(st.sampled_from(STATEMENTS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(sql)))
        end = min(len(sql), start + draw(st.integers(0, 12)))
        sql = sql[:start] + draw(st.one_of(pieces, st.just(sql[start:end] * 2), st.just(""))) + sql[end:]
    return sql


@settings(max_examples=400, deadline=None)
@given(broken())
def test_replay_answers_broken_statements(sql: str) -> None:
    effect = OceanBaseDialect().replay(SCHEMA, Selection(), sql, "c")
    if not effect.known:
        assert effect.conversions


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_replay_answers_any_text(text: str) -> None:
    for head in ("", "ALTER TABLE a ", "CREATE TABLE z ", "ALTER TABLE a ADD COLUMN n "):
        OceanBaseDialect().replay(SCHEMA, Selection(), head + text, "c")
