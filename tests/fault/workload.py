"""A database with everything that makes replication hard, and a writer that never gives up."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pymysql

from ferryman.embedded import MariaDb

SCHEMA = """
create table {db}.accounts (
  id bigint unsigned not null auto_increment primary key,
  nick varchar(40) collate utf8mb4_general_ci not null,
  slot int,
  balance decimal(18, 4) not null default 0,
  ratio float, weight double, mask bit(20), moods set('calm', 'keen', 'sad'),
  born date, awake time(2), seen datetime(6), stamp timestamp(3) null,
  blurb text, photo blob, extra json,
  unique key nick (nick),
  unique key slot (slot)
);
create table {db}.parents (
  id int not null primary key,
  label varchar(20) not null
);
create table {db}.children (
  parent_id int not null,
  n int not null,
  note varchar(60),
  primary key (parent_id, n),
  constraint {db}_child foreign key (parent_id) references {db}.parents (id) on delete cascade on update cascade
);
create table {db}.codes (
  code varchar(24) collate utf8mb4_bin not null,
  region char(3) not null,
  hits int unsigned not null,
  primary key (region, code)
);
create table {db}.bag (
  a int,
  b varchar(20),
  c double
);
insert into {db}.accounts (nick, slot, balance, ratio, weight, mask, moods, born, awake, seen, stamp, blurb, photo, extra)
  select concat('Nick', seq), if(seq % 5 = 0, null, seq), seq / 7, seq / 3, seq / 11, seq % 1000000, seq % 8,
    date_add('1950-01-01', interval seq % 20000 day), sec_to_time(seq % 80000), date_add('2020-01-01', interval seq second),
    date_add('2021-01-01', interval seq second), concat('tab\\t nul\\0 slash\\\\ ', seq, ' 🚣'), unhex(sha1(seq)),
    json_object('n', seq, 'deep', json_array(seq / 3, 'ü'))
  from seq_1_to_{rows};
insert into {db}.parents select seq, concat('parent', seq) from seq_1_to_2000;
insert into {db}.children select 1 + seq % 2000, seq, concat('note', seq) from seq_1_to_12000;
insert into {db}.codes select left(md5(seq), 24), elt(1 + seq % 3, 'eu', 'us', 'asi'), seq from seq_1_to_{half};
insert into {db}.bag select seq % 100, concat('b', seq % 10), seq % 7 / 3 from seq_1_to_3000;
"""

MORE_TABLES = 16
"""Small tables of four sorts beside those above: one key and two unique ones, a key of two columns, a text key, no key."""
SORTS = (
    "(id int not null primary key, a int, b varchar(20), unique key a (a), unique key b (b))",
    "(k int not null, n int not null, a int, b varchar(20), primary key (n, k), key a (a))",
    "(id varchar(20) collate utf8mb4_bin not null primary key, a int, b varchar(20))",
    "(a int, b varchar(20), c datetime(3))",
)


def more_name(number: int) -> str:
    """Return the name of one of the small tables; its sort is ``number % 4``."""
    return f"more{number:02}"


def connect(server: MariaDb, database: str) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=5,
    )


def create(server: MariaDb, database: str, *, rows: int = 20_000) -> None:
    """Make the database and fill it."""
    with connect(server, "mysql") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {database}")
        for statement in SCHEMA.format(db=database, rows=rows, half=rows // 2).split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        for number in range(MORE_TABLES):
            cursor.execute(f"CREATE TABLE {more_name(number)} {SORTS[number % 4]}")


class Writer:
    """Transactions of every awkward sort, again and again, across restarts of the server."""

    def __init__(
        self,
        server: MariaDb,
        database: str,
        *,
        seed: int,
        rows: int = 20_000,
        pause_seconds: float = 0.003,
        shapes: bool = False,
    ) -> None:
        """Make a writer; `shapes`: schema statements come among the rows, too."""
        self._server, self._database, self._rows, self._pause = server, database, rows, pause_seconds
        self._random = random.Random(seed)
        self._shapes = shapes
        self.statements = 0
        """Schema statements so far."""
        self._width = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.transactions = 0
        self.reconnects = 0

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._server, self._database) as connection:
                    self._write(connection)
            except (pymysql.Error, OSError):
                self.reconnects += 1
                time.sleep(0.1)

    def _write(self, connection: Any) -> None:
        deeds = (
            self._insert,
            self._update,
            self._swap,
            self._rotate,
            self._delete,
            self._family,
            self._codes,
            self._bag,
            self._more,
            self._more,
        )
        while not self._stop.is_set():
            connection.begin()
            with connection.cursor() as cursor:
                for _ in range(self._random.choice((1, 1, 2, 5))):
                    self._random.choice(deeds)(cursor)
            connection.commit()
            self.transactions += 1
            if self._shapes and self._random.random() < 0.02:
                with connection.cursor() as cursor:
                    self._shape(cursor)
            time.sleep(self._pause)

    def _account(self) -> int:
        return self._random.randint(1, self._rows)

    def _insert(self, cursor: Any) -> None:
        cursor.execute(
            "INSERT IGNORE INTO accounts (nick, slot, balance, blurb, extra) VALUES (%s, %s, %s, %s, %s)",
            (
                f"new{self._random.randint(1, 10**9)}",
                self._random.choice((None, self._random.randint(1, 2 * self._rows))),
                self._random.randint(-(10**9), 10**9) / 10_000,
                "line\nwith 'quotes' \\ and \x1a",
                '{"b": 1e5, "a": [1.50, null, "é"]}',
            ),
        )

    def _update(self, cursor: Any) -> None:
        cursor.execute(
            "UPDATE accounts SET balance = balance + 0.0001, ratio = ratio * 1.1, mask = mask ^ 5, seen = now(6) WHERE id = %s",
            (self._account(),),
        )

    def _swap(self, cursor: Any) -> None:
        """Two rows exchange both of their unique values."""
        one, other = sorted(self._random.sample(range(1, self._rows), 2))
        cursor.execute("SELECT id, nick, slot FROM accounts WHERE id IN (%s, %s) FOR UPDATE", (one, other))
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
        if len(rows) < 2:
            return
        for account, nick, slot in ((one, "swapping", None), (other, *rows[one]), (one, *rows[other])):
            cursor.execute("UPDATE accounts SET nick = %s, slot = %s WHERE id = %s", (nick, slot, account))

    def _rotate(self, cursor: Any) -> None:
        """Three primary keys change places (through a free one)."""
        first = self._random.randint(1, 1990)
        free = 100_000 + self._random.randint(1, 10**6)
        for old, new in ((first, free), (first + 1, first), (first + 2, first + 1), (free, first + 2)):
            cursor.execute("UPDATE parents SET id = %s WHERE id = %s", (new, old))

    def _delete(self, cursor: Any) -> None:
        cursor.execute("DELETE FROM accounts WHERE id = %s", (self._account(),))

    def _family(self, cursor: Any) -> None:
        """A parent goes with all its children, or gets new ones."""
        parent = self._random.randint(1, 2000)
        if self._random.random() < 0.3:
            cursor.execute("DELETE FROM parents WHERE id = %s", (parent,))
        cursor.execute("INSERT IGNORE INTO parents VALUES (%s, 'again')", (parent,))
        cursor.execute(
            "INSERT IGNORE INTO children VALUES (%s, %s, 'again')", (parent, self._random.randint(100_000, 10**6))
        )

    def _codes(self, cursor: Any) -> None:
        cursor.execute(
            "UPDATE codes SET hits = hits + 1, region = elt(1 + hits %% 3, 'eu', 'us', 'asi') WHERE hits = %s LIMIT 3",
            (self._random.randint(1, self._rows // 2),),
        )

    def _bag(self, cursor: Any) -> None:
        for _ in range(2):
            cursor.execute("INSERT INTO bag VALUES (%s, 'dup', 1 / 3)", (self._random.randint(0, 20),))
        cursor.execute("DELETE FROM bag WHERE a = %s LIMIT 1", (self._random.randint(0, 99),))
        cursor.execute("UPDATE bag SET b = 'moved' WHERE a = %s LIMIT 1", (self._random.randint(0, 99),))

    def _more(self, cursor: Any) -> None:
        """One of the small tables: keys and unique values come, go and pass from row to row."""
        number = self._random.randrange(MORE_TABLES)
        name, sort = more_name(number), number % 4
        one, other = self._random.randint(1, 300), self._random.randint(1, 300)
        ways = {
            0: (f"REPLACE INTO {name} (id, a, b) VALUES ({one}, {other}, 'b{one}')",
                f"UPDATE IGNORE {name} SET id = {other}, a = {one} WHERE id = {one}"),
            1: (f"REPLACE INTO {name} (k, n, a, b) VALUES ({one}, {other % 7}, {other}, 'x')",
                f"UPDATE IGNORE {name} SET k = {other}, n = {one % 7} WHERE k = {one}"),
            2: (f"REPLACE INTO {name} (id, a, b) VALUES ('key {one}', {other}, 'x')",
                f"UPDATE IGNORE {name} SET id = 'Key {other}' WHERE id = 'key {one}'"),
            3: (f"INSERT INTO {name} (a, b, c) VALUES ({one}, 'twice', '2020-01-01'), ({one}, 'twice', '2020-01-01')",
                f"UPDATE {name} SET b = 'once' WHERE a = {one} LIMIT 1"),
        }[sort]  # fmt: skip
        key = "k" if sort == 1 else "a" if sort == 3 else "id"
        value = f"'key {one}'" if sort == 2 else str(one)
        gone = f"DELETE FROM {name} WHERE {key} = {value} LIMIT 1"
        cursor.execute(self._random.choice((*ways, *ways, gone)))

    def _shape(self, cursor: Any) -> None:
        """A schema statement on one of the small tables that have a key, repeatable whatever was there before."""
        number = self._random.randrange(MORE_TABLES - 1)
        name = more_name(number - 1 if number % 4 == 3 else number)
        spare = self._random.randrange(3)
        cursor.execute(
            self._random.choice(
                (
                    f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS extra{spare} int DEFAULT {spare}",
                    f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS extra{spare} int DEFAULT {spare}",
                    f"ALTER TABLE {name} DROP COLUMN IF EXISTS extra{spare}",
                    f"CREATE INDEX IF NOT EXISTS more_a ON {name} (a, b)",
                    f"DROP INDEX IF EXISTS more_a ON {name}",
                    f"TRUNCATE TABLE {name}",
                    f"CREATE TABLE IF NOT EXISTS late{spare} (id int PRIMARY KEY, v varchar(20))",
                    f"ALTER TABLE {name} MODIFY b varchar({20 + 10 * self._wider()})",
                )
            )
        )
        self.statements += 1

    def _wider(self) -> int:
        """Columns only grow: no value is cut."""
        self._width += 1
        return self._width
