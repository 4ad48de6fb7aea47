"""A writer that changes rows and shapes of random tables at random, and says what it did."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql
import workload

from ferryman.embedded import MariaDb

BIG_ROWS = 200_000
BIG_BLOB = 5 << 20
WORDS = ("a", "A", "á", "ab", "AB ", "ab ", "ß", "ss", "zebra", "Zebra", "", "ö", "o", "it's", "tab\t", "nul\0", "🚣")
TYPES = {
    "int": "int",
    "bigint": "bigint",
    "tiny": "tinyint unsigned",
    "dec": "decimal(12,3)",
    "double": "double",
    "word": "varchar(20)",
    "long": "varchar(300) collate utf8mb4_bin",
    "code": "char(8)",
    "text": "text",
    "blob": "longblob",
    "bin": "varbinary(16)",
    "moment": "datetime(3)",
    "stamp": "timestamp(2) null",
    "day": "date",
    "span": "time(1)",
    "pick": "enum('x','y','z')",
    "picks": "set('x','y','z')",
    "bits": "bit(9)",
    "json": "json",
}
WIDER = {
    "int": ("bigint", "bigint"),
    "tiny": ("int", "int"),
    "dec": ("dec", "decimal(16,3)"),
    "word": ("word", "varchar(200)"),
    "code": ("word", "varchar(40)"),
    "text": ("text", "mediumtext"),
    "bin": ("bin", "varbinary(64)"),
    "pick": ("pick", "enum('x','y','z','new')"),
}
DEFAULTS = {
    "int": "7",
    "bigint": "-9000000000",
    "tiny": "200",
    "dec": "1.250",
    "double": "0.5",
    "word": "'it''s Ö'",
    "long": "''",
    "code": "'ab'",
    "bin": "x'00ff'",
    "moment": "'2020-02-29 12:13:14.567'",
    "day": "'1999-12-31'",
    "span": "'-01:02:03.4'",
    "pick": "'y'",
    "picks": "'x,z'",
    "bits": "b'101'",
}
INDEXED = ("int", "bigint", "dec", "word", "code", "moment", "day", "pick", "bin")
NAMES = ("c1", "c2", "c3", "c4", "select", "Größe", "C7", "c 8", "c9", "key")
"""No backtick inside: OceanBase then cannot parse what it writes itself for a statement that rebuilds the table."""
KEYS = (("int",), ("word",), ("int", "word"), ("bigint",), ("day", "int"), ())


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@dataclass
class Shape:
    """A table as the storm believes it to be."""

    columns: dict[str, str]
    types: dict[str, str]
    key: tuple[str, ...]
    indexes: list[str] = field(default_factory=list)

    def copy(self) -> Shape:
        return Shape(dict(self.columns), dict(self.types), self.key, list(self.indexes))

    @property
    def free(self) -> list[str]:
        return [name for name in self.columns if name not in self.key]


class Storm:
    """Runs random deeds on one connection, so that a seed makes the same statements again."""

    def __init__(self, server: MariaDb, database: str, *, seed: int, big_rows: int = BIG_ROWS) -> None:
        self._server, self._database, self._big_rows = server, database, big_rows
        self._dice = random.Random(seed)
        self._tables: dict[str, Shape] = {}
        self._serial = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm", daemon=True)
        self._ddl_due = 0.0
        self.ddl_pause = 0.25
        self.mild = True
        """While tables are loaded, a few statements stop the load with ``load.table_changed``; they wait until later."""
        self.history: list[str] = []
        self.failure: BaseException | None = None
        self.refused = 0
        self.transactions = 0

    # Life -------------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the database and its first tables, with rows to load."""
        with workload.connect(self._server, "mysql") as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self._database} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {self._database}")
            for _ in range(7):
                self._create(cursor)
            cursor.execute("CREATE TABLE t0 (k0 int PRIMARY KEY, c1 varchar(20))")
            self._tables["t0"] = Shape({"k0": "int", "c1": "word"}, {"k0": "int", "c1": "varchar(20)"}, ("k0",))
            for name, shape in self._tables.items():
                for _ in range(4):
                    self._try(cursor, *self._insert_of(name, shape, 500, ignore=True))
            cursor.execute("CREATE TABLE bulk (id int PRIMARY KEY, v varchar(30), u int UNIQUE)")
            cursor.execute("INSERT INTO bulk SELECT seq, concat('v', seq), seq FROM seq_1_to_30000")

    def __enter__(self) -> Storm:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with workload.connect(self._server, self._database) as connection, connection.cursor() as cursor:
                while not self._stop.is_set():
                    self._step(cursor)
        except BaseException as error:  # a thread's end: the test raises it
            self.failure = error

    def _step(self, cursor: Any) -> None:
        now = time.monotonic()
        if now >= self._ddl_due:
            self._ddl_due = now + self.ddl_pause
            self._dice.choice(self._shaping())(cursor)
        for _ in range(self._dice.choice((1, 3, 10))):
            self._transaction(cursor)
        time.sleep(0.002)

    def _shaping(self) -> tuple[Callable[[Any], None], ...]:
        mild = (
            *(self._add_column, self._drop_index, self._add_index, self._set_default),
            *(self._truncate, self._create, self._create_like, self._create_select, self._drop_table),
        )
        return mild if self.mild else (*mild, *self._wild())

    def _wild(self) -> tuple[Callable[[Any], None], ...]:
        return (
            *(self._add_column, self._add_column, self._drop_column, self._modify_column, self._change_column),
            *(
                self._rename_column,
                self._add_index,
                self._add_index,
                self._drop_index,
                self._several,
                self._set_default,
            ),
            *(self._rename_table, self._swap_tables, self._ghost, self._truncate, self._recreate, self._create),
            *(self._create_like, self._create_select, self._drop_table, self._exchange_names),
        )

    # Statements -------------------------------------------------------------------------------------------------------

    def _try(self, cursor: Any, sql: str, values: Any = None) -> bool:
        """Run a statement; one that the server refuses changes nothing and is part of the storm."""
        try:
            cursor.execute(sql, values)
        except pymysql.Error as error:
            if error.args[0] in (1064, 1146, 2006, 2013):
                raise AssertionError(f"the storm itself is wrong: {error} in {sql[:500]}") from error
            self.refused += 1
            return False
        return True

    def _shape_it(self, cursor: Any, sql: str) -> bool:
        done = self._try(cursor, sql)
        self.history.append(("" if done else "(refused) ") + sql)
        return done

    def _table(self) -> tuple[str, Shape]:
        return self._dice.choice(sorted(self._tables.items()))

    def _shaped(self) -> tuple[str, Shape]:
        """Return a table whose shape may change: without a key, not before its snapshot (``apply.keyless_changed``)."""
        return self._dice.choice([item for item in sorted(self._tables.items()) if item[1].key or not self.mild])

    def _new_name(self) -> str:
        self._serial += 1
        return self._dice.choice((f"t{self._serial}", f"Tab {self._serial}", f"tä{self._serial}"))

    # Values -----------------------------------------------------------------------------------------------------------

    def _value(self, kind: str, *, null: bool = True) -> Any:
        dice = self._dice
        if null and dice.random() < 0.15:
            return None
        makers: dict[str, Callable[[], Any]] = {
            "int": lambda: dice.randint(-5, 1500),
            "bigint": lambda: dice.randint(0, 3000) + dice.choice((0, 0, 0, 1 << 62)),
            "tiny": lambda: dice.randint(0, 255),
            "dec": lambda: dice.randint(-(10**9), 10**9) / 1000,
            "double": lambda: dice.randint(-4000, 4000) / 8,
            "word": self._word,
            "long": lambda: self._word() * dice.randint(1, 20),
            "code": lambda: self._word()[:8],
            "text": lambda: self._word() * dice.randint(1, 100),
            "blob": lambda: dice.randbytes(dice.choice((0, 3, 300, 5000))),
            "bin": lambda: dice.randbytes(dice.randint(0, 16)),
            "moment": lambda: f"20{dice.randint(10, 30)}-02-{dice.randint(10, 28)} 03:04:05.{dice.randint(0, 999):03}",
            "stamp": lambda: f"20{dice.randint(10, 30)}-03-{dice.randint(10, 28)} 23:04:05.{dice.randint(0, 99):02}",
            "day": lambda: f"20{dice.randint(10, 30)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}",
            "span": lambda: f"{dice.choice(('', '-'))}{dice.randint(0, 99):02}:00:01.{dice.randint(0, 9)}",
            "pick": lambda: dice.choice("xyz"),
            "picks": lambda: dice.choice(("", "x", "x,z", "y,z")),
            "bits": lambda: dice.randint(0, 511),
            "json": lambda: dice.choice(('{"b": [1, 2.50], "a": null}', "[]", '"ü"', '{"n": 12345678901234567890}')),
        }
        return makers[kind]()

    def _word(self) -> str:
        tail = self._dice.choice(("", "", str(self._dice.randint(0, 999))))
        return self._dice.choice(WORDS) + tail

    def _values(self, shape: Shape) -> list[Any]:
        return [self._value(kind, null=name not in shape.key) for name, kind in shape.columns.items()]

    # Rows -------------------------------------------------------------------------------------------------------------

    def _transaction(self, cursor: Any) -> None:
        deeds = (
            *(self._insert, self._insert, self._update, self._update, self._update, self._delete, self._replace),
            *(self._rekey, self._swap_values, self._duplicate, self._upsert, self._savepoint, self._bulk_unique),
        )
        cursor.execute("BEGIN")
        for _ in range(self._dice.choice((1, 1, 2, 4, 8))):
            self._dice.choice(deeds)(cursor)
        if self._dice.random() < 0.004:
            self._big_blob(cursor)
        cursor.execute(self._dice.choice(("COMMIT",) * 9 + ("ROLLBACK",)))
        self.transactions += 1

    def _insert_of(self, name: str, shape: Shape, count: int, *, ignore: bool = False) -> tuple[str, list[Any]]:
        row = "(" + ", ".join(["%s"] * len(shape.columns)) + ")"
        columns = ", ".join(quoted(column) for column in shape.columns).replace("%", "%%")
        sql = f"INSERT {'IGNORE ' if ignore else ''}INTO {quoted(name)} ({columns}) VALUES " + ", ".join([row] * count)
        return sql, [value for _ in range(count) for value in self._values(shape)]

    def _insert(self, cursor: Any) -> None:
        """Several rows at once: a duplicate among them fails the statement midway, not the transaction."""
        name, shape = self._table()
        ignore = self._dice.random() < 0.4
        self._try(cursor, *self._insert_of(name, shape, self._dice.choice((1, 2, 7)), ignore=ignore))

    def _replace(self, cursor: Any) -> None:
        name, shape = self._table()
        sql, values = self._insert_of(name, shape, 1)
        self._try(cursor, sql.replace("INSERT", "REPLACE", 1), values)

    def _upsert(self, cursor: Any) -> None:
        name, shape = self._table()
        sql, values = self._insert_of(name, shape, 2)
        column = self._dice.choice(list(shape.columns))
        self._try(cursor, f"{sql} ON DUPLICATE KEY UPDATE {quoted(column)} = VALUES({quoted(column)})", values)

    def _some(self, shape: Shape) -> tuple[str, list[Any]]:
        """Return a condition that finds a few rows."""
        column = self._dice.choice(shape.key or tuple(shape.columns))
        operator = self._dice.choice(("=", "=", ">=", "<=>"))
        order = ", ".join(quoted(each) for each in (shape.key or tuple(shape.columns)))
        limit = self._dice.choice((1, 2, 5, 30))
        return (
            f"WHERE {quoted(column)} {operator} %s ORDER BY {order} LIMIT {limit}",
            [self._value(shape.columns[column], null=column not in shape.key)],
        )

    def _update(self, cursor: Any) -> None:
        name, shape = self._table()
        if not shape.free:
            return
        column = self._dice.choice(shape.free)
        condition, values = self._some(shape)
        ignore = self._dice.choice(("", "IGNORE "))
        sql = f"UPDATE {ignore}{quoted(name)} SET {quoted(column)} = %s {condition}"
        self._try(cursor, sql, [self._value(shape.columns[column]), *values])

    def _rekey(self, cursor: Any) -> None:
        """Change keys, also to values that are equal for the collation."""
        name, shape = self._table()
        if not shape.key:
            return
        column = self._dice.choice(shape.key)
        condition, values = self._some(shape)
        new, args = "%s", [self._value(shape.columns[column], null=False)]
        if shape.columns[column] == "word" and self._dice.random() < 0.7:
            new, args = self._dice.choice((f"upper({quoted(column)})", f"replace({quoted(column)}, 'a', 'á')")), []
        self._try(cursor, f"UPDATE {quoted(name)} SET {quoted(column)} = {new} {condition}", [*args, *values])

    def _delete(self, cursor: Any) -> None:
        name, shape = self._table()
        condition, values = self._some(shape)
        self._try(cursor, f"DELETE FROM {quoted(name)} {condition}", values)

    def _swap_values(self, cursor: Any) -> None:
        """Two rows exchange a column's values, through a row that is deleted and comes back."""
        name, shape = self._table()
        if not shape.key or not shape.free:
            return
        column = self._dice.choice(shape.free)
        keys = ", ".join(quoted(each) for each in shape.key)
        cursor.execute(f"SELECT {keys}, {quoted(column)} FROM {quoted(name)} ORDER BY {keys} LIMIT 50")
        rows = cursor.fetchall()
        if len(rows) < 3:
            return
        chosen = self._dice.sample(rows, 3)
        where = " AND ".join(f"{quoted(each)} <=> %s" for each in shape.key)
        sql = f"UPDATE {quoted(name)} SET {quoted(column)} = %s WHERE {where}"
        for row in chosen:
            self._try(cursor, sql, (None, *row[:-1]))
        for row, other in zip(chosen, (*chosen[1:], chosen[0]), strict=True):
            self._try(cursor, sql, (other[-1], *row[:-1]))

    def _duplicate(self, cursor: Any) -> None:
        """Rows of a table without a key double, or one of several equal ones goes."""
        keyless = [item for item in sorted(self._tables.items()) if not item[1].key]
        if not keyless:
            return
        name, shape = self._dice.choice(keyless)
        columns = ", ".join(quoted(each) for each in shape.columns)
        limit = self._dice.randint(1, 3)
        chosen = f"SELECT {columns} FROM {quoted(name)} ORDER BY {columns} LIMIT {limit}"
        self._try(cursor, f"INSERT IGNORE INTO {quoted(name)} ({columns}) {chosen}")
        condition, values = self._some(shape)
        self._try(cursor, f"DELETE FROM {quoted(name)} {condition}", values)

    def _savepoint(self, cursor: Any) -> None:
        cursor.execute("SAVEPOINT here")
        self._update(cursor)
        self._insert(cursor)
        if self._dice.random() < 0.6:
            cursor.execute("ROLLBACK TO SAVEPOINT here")
        self._delete(cursor)

    def _bulk_unique(self, cursor: Any) -> None:
        """Rotate unique values of a table that is loaded in chunks."""
        a, b = self._dice.sample(range(1, 30_000), 2)
        for value, row in ((None, a), (a, b), (b, a)):
            self._try(cursor, "UPDATE bulk SET u = %s WHERE id = %s", (value, row))
        self._try(cursor, "UPDATE bulk SET id = -id WHERE id = %s", (self._dice.randint(1, 30_000),))

    def _big_blob(self, cursor: Any) -> None:
        holders = [(n, s, c) for n, s in sorted(self._tables.items()) for c, k in s.columns.items() if k == "blob"]
        if holders:
            name, shape, column = self._dice.choice(holders)
            condition, values = self._some(shape)
            blob = self._dice.randbytes(1 << 10) * (BIG_BLOB >> 10)
            condition = condition.rsplit("LIMIT", 1)[0] + "LIMIT 1"
            self._try(cursor, f"UPDATE {quoted(name)} SET {quoted(column)} = %s {condition}", [blob, *values])

    def big_transaction(self) -> None:
        """One transaction of many rows, on a connection of its own."""
        with workload.connect(self._server, self._database) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                f"INSERT INTO bulk SELECT 1000000 + seq, concat('big', seq), NULL FROM seq_1_to_{self._big_rows}"
            )
            cursor.execute("UPDATE bulk SET v = 'seen' WHERE id > 1000000 AND id % 10 = 0")
            cursor.execute("COMMIT")

    # Shapes -----------------------------------------------------------------------------------------------------------

    def _create(self, cursor: Any) -> None:
        if len(self._tables) > 12:
            self._drop_table(cursor)
        name, (sql, shape) = self._new_name(), self._definition()
        if self._shape_it(cursor, f"CREATE TABLE {quoted(name)} {sql}"):
            self._tables[name] = shape

    def _definition(self) -> tuple[str, Shape]:
        dice = self._dice
        key = {f"k{n}": kind for n, kind in enumerate(dice.choice(KEYS))}
        names = dice.sample(NAMES, dice.randint(2, 6))
        columns = key | {name: dice.choice(sorted(TYPES)) for name in names}
        items = list(columns.items())
        dice.shuffle(items)
        columns = dict(items)
        types = {name: TYPES[kind] for name, kind in columns.items()}
        parts = [f"{quoted(name)} {types[name]}{' NOT NULL' if name in key else ''}" for name in columns]
        if key:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, key))})")
        shape = Shape(columns, types, tuple(key))
        for number, name in enumerate(each for each in shape.free if columns[each] in INDEXED):
            if key and dice.random() < 0.5:
                parts.append(f"{dice.choice(('UNIQUE ', ''))}KEY i{number} ({quoted(name)})")
                shape.indexes.append(f"i{number}")
        return f"({', '.join(parts)})", shape

    def _declared(self, shape: Shape) -> tuple[str, str, str] | None:
        """Return a new column's name, kind and declaration with a constant default, or none."""
        unused = [name for name in NAMES if name.casefold() not in {each.casefold() for each in shape.columns}]
        if not unused or len(shape.columns) > 9:
            return None
        name, kind = self._dice.choice(unused), self._dice.choice(sorted(TYPES))
        text = TYPES[kind]
        if kind in DEFAULTS and self._dice.random() < 0.6:
            text += self._dice.choice((" NOT NULL", "")) + f" DEFAULT {DEFAULTS[kind]}"
        return name, kind, text

    def _place(self, shape: Shape, *, but: str = "") -> str:
        others = [name for name in shape.columns if name != but]
        return self._dice.choice(("", "", " FIRST", f" AFTER {quoted(self._dice.choice(others))}" if others else ""))

    def _add_column(self, cursor: Any) -> None:
        name, shape = self._shaped()
        if (new := self._declared(shape)) is not None:
            column, kind, text = new
            if self._shape_it(
                cursor, f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {text}{self._place(shape)}"
            ):
                shape.columns[column], shape.types[column] = kind, TYPES[kind]

    def _forget(self, shape: Shape, column: str) -> None:
        del shape.columns[column], shape.types[column]

    def _drop_column(self, cursor: Any) -> None:
        name, shape = self._table()
        if len(shape.free) > 1:
            column = self._dice.choice(shape.free)
            if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} DROP COLUMN {quoted(column)}"):
                self._forget(shape, column)

    def _widened(self, shape: Shape) -> tuple[str, str, str] | None:
        found = [
            name
            for name in shape.free
            if shape.columns[name] in WIDER and shape.types[name] == TYPES[shape.columns[name]]
        ]
        if not found:
            return None
        column = self._dice.choice(found)
        return column, *WIDER[shape.columns[column]]

    def _modify_column(self, cursor: Any) -> None:
        name, shape = self._shaped()
        if (wider := self._widened(shape)) is not None:
            column, kind, type_ = wider
            place = self._place(shape, but=column)
            if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} MODIFY {quoted(column)} {type_}{place}"):
                shape.columns[column], shape.types[column] = kind, type_

    def _change_column(self, cursor: Any) -> None:
        name, shape = self._table()
        new, wider = self._declared(shape), self._widened(shape)
        if new is not None and wider is not None:
            column, kind, type_ = wider
            if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} CHANGE {quoted(column)} {quoted(new[0])} {type_}"):
                self._forget(shape, column)
                shape.columns[new[0]], shape.types[new[0]] = kind, type_

    def _rename_column(self, cursor: Any) -> None:
        name, shape = self._table()
        if (new := self._declared(shape)) is not None:
            column = self._dice.choice(list(shape.columns))
            if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} RENAME COLUMN {quoted(column)} TO {quoted(new[0])}"):
                self._renamed(shape, {column: new[0]})

    def _renamed(self, shape: Shape, names: dict[str, str]) -> None:
        shape.columns = {names.get(each, each): kind for each, kind in shape.columns.items()}
        shape.types = {names.get(each, each): type_ for each, type_ in shape.types.items()}
        shape.key = tuple(names.get(each, each) for each in shape.key)

    def _exchange_names(self, cursor: Any) -> None:
        """Two columns of one type exchange their names, by way of a third or in one statement."""
        name, shape = self._table()
        pairs = [(a, b) for a in shape.free for b in shape.free if a < b and shape.types[a] == shape.types[b]]
        if pairs:
            a, b = self._dice.choice(pairs)
            if self._dice.random() < 0.5:
                place = self._dice.choice(("", f" AFTER {quoted(a)}"))
                changes = [f"CHANGE {quoted(x)} {quoted(y)} {shape.types[x]}" for x, y in ((a, b), (b, a))]
                if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} {changes[0]}{place}, {changes[1]}"):
                    self._renamed(shape, {a: b, b: a})
                return
            for old, new in ((a, "between"), (b, a), ("between", b)):
                if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} RENAME COLUMN {quoted(old)} TO {quoted(new)}"):
                    self._renamed(shape, {old: new})

    def _add_index(self, cursor: Any) -> None:
        name, shape = self._table()
        columns = [each for each in shape.free if shape.columns[each] in INDEXED]
        if not columns or not shape.key or len(shape.indexes) > 5:
            return
        self._serial += 1
        parts = ", ".join(map(quoted, self._dice.sample(columns, min(len(columns), self._dice.choice((1, 1, 2))))))
        index, unique = f"x{self._serial}", self._dice.choice(("UNIQUE", "INDEX"))
        sql = self._dice.choice(
            (
                f"ALTER TABLE {quoted(name)} ADD {unique} {index} ({parts})",
                f"CREATE {'UNIQUE ' if unique == 'UNIQUE' else ''}INDEX {index} ON {quoted(name)} ({parts})",
            )
        )
        if self._shape_it(cursor, sql):
            shape.indexes.append(index)

    def _drop_index(self, cursor: Any) -> None:
        name, shape = self._table()
        if shape.indexes:
            index = shape.indexes.pop(self._dice.randrange(len(shape.indexes)))
            self._shape_it(cursor, f"ALTER TABLE {quoted(name)} DROP INDEX {index}")

    def _several(self, cursor: Any) -> None:
        """Several actions in one statement."""
        name, shape = self._table()
        new, wider = self._declared(shape), self._widened(shape)
        if new is None or wider is None or len(shape.free) < 3:
            return
        column, kind, type_ = wider
        gone = self._dice.choice([each for each in shape.free if each != column])
        actions = [
            f"ADD COLUMN {quoted(new[0])} {new[2]} AFTER {quoted(column)}",
            f"DROP COLUMN {quoted(gone)}",
            f"MODIFY {quoted(column)} {type_} FIRST",
            f"COMMENT 'storm {self._serial}'",
        ]
        self._dice.shuffle(actions)
        if self._shape_it(cursor, f"ALTER TABLE {quoted(name)} {', '.join(actions)}"):
            self._forget(shape, gone)
            shape.columns[column], shape.types[column] = kind, type_
            shape.columns[new[0]], shape.types[new[0]] = new[1], TYPES[new[1]]

    def _set_default(self, cursor: Any) -> None:
        name, shape = self._shaped()
        columns = [each for each in shape.free if shape.columns[each] in DEFAULTS]
        if columns:
            column = self._dice.choice(columns)
            action = self._dice.choice((f"SET DEFAULT {DEFAULTS[shape.columns[column]]}", "DROP DEFAULT"))
            self._shape_it(cursor, f"ALTER TABLE {quoted(name)} ALTER COLUMN {quoted(column)} {action}")

    # Tables -----------------------------------------------------------------------------------------------------------

    def _rename_table(self, cursor: Any) -> None:
        name, _ = self._table()
        new = self._new_name()
        sql = self._dice.choice(("RENAME TABLE {} TO {}", "ALTER TABLE {} RENAME TO {}"))
        if self._shape_it(cursor, sql.format(quoted(name), quoted(new))):
            self._tables[new] = self._tables.pop(name)

    def _swap_tables(self, cursor: Any) -> None:
        one, other = self._dice.sample(sorted(self._tables), 2)
        steps = ((one, "in between"), (other, one), ("in between", other))
        if self._shape_it(cursor, "RENAME TABLE " + ", ".join(f"{quoted(a)} TO {quoted(b)}" for a, b in steps)):
            self._tables[one], self._tables[other] = self._tables[other], self._tables[one]

    def _ghost(self, cursor: Any) -> None:
        """An online schema change as gh-ost does it: a copy with another shape takes the table's name."""
        name, shape = self._table()
        new = self._declared(shape)
        if not shape.key or new is None:
            return
        ghost, old = f"_{name}_gho", f"_{name}_del"
        after = shape.copy()
        self._shape_it(cursor, f"CREATE TABLE {quoted(ghost)} LIKE {quoted(name)}")
        self._shape_it(cursor, f"ALTER TABLE {quoted(ghost)} ADD COLUMN {quoted(new[0])} {new[2]}")
        columns = ", ".join(map(quoted, shape.columns))
        cursor.execute(f"INSERT IGNORE INTO {quoted(ghost)} ({columns}) SELECT {columns} FROM {quoted(name)}")
        steps = f"{quoted(name)} TO {quoted(old)}, {quoted(ghost)} TO {quoted(name)}"
        self._shape_it(cursor, f"RENAME TABLE {steps}")
        self._shape_it(cursor, f"DROP TABLE {quoted(old)}")
        after.columns[new[0]], after.types[new[0]] = new[1], TYPES[new[1]]
        self._tables[name] = after

    def _truncate(self, cursor: Any) -> None:
        name, shape = self._shaped()
        if self._shape_it(cursor, f"TRUNCATE TABLE {quoted(name)}"):
            self._try(cursor, *self._insert_of(name, shape, 50, ignore=True))

    def _recreate(self, cursor: Any) -> None:
        """A table goes, and another one of the same name comes."""
        name, _ = self._table()
        sql, shape = self._definition()
        self._shape_it(cursor, f"DROP TABLE {quoted(name)}")
        self._shape_it(cursor, f"CREATE TABLE {quoted(name)} {sql}")
        self._tables[name] = shape
        self._try(cursor, *self._insert_of(name, shape, 100, ignore=True))

    def _drop_table(self, cursor: Any) -> None:
        if len(self._tables) > 5:
            name, _ = self._table()
            self._shape_it(cursor, f"DROP TABLE IF EXISTS {quoted(name)}, `never there`")
            del self._tables[name]

    def _create_like(self, cursor: Any) -> None:
        name, shape = self._table()
        new = self._new_name()
        if len(self._tables) < 13 and self._shape_it(cursor, f"CREATE TABLE {quoted(new)} LIKE {quoted(name)}"):
            self._tables[new] = shape.copy()
            columns = ", ".join(map(quoted, shape.columns))
            self._try(
                cursor, f"INSERT IGNORE INTO {quoted(new)} ({columns}) SELECT {columns} FROM {quoted(name)} LIMIT 200"
            )

    def _create_select(self, cursor: Any) -> None:
        name, shape = self._table()
        new = self._new_name()
        if len(self._tables) < 13 and self._shape_it(
            cursor, f"CREATE TABLE {quoted(new)} AS SELECT * FROM {quoted(name)} LIMIT 100"
        ):
            self._tables[new] = Shape(dict(shape.columns), dict(shape.types), ())
