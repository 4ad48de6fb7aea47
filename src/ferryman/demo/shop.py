"""The shop's database: made and filled by the server itself, then written to all the while."""

from __future__ import annotations

import random
import threading
import time
import uuid
from importlib.resources import files

import pymysql

from ferryman.embedded import MariaDb

DATABASE = "shop"
TABLES = 12
PAUSE_SECONDS = 0.004
"""Between two transactions: about 150 a second, so that the databases stay the busy ones."""


def connect(server: MariaDb) -> pymysql.connections.Connection:
    """Open an autocommit connection as the shop's own application."""
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
    )


def fill(server: MariaDb) -> int:
    """Create and fill the shop; returns its number of rows."""
    script = files("ferryman.demo").joinpath("shop.sql").read_text("utf-8")
    with connect(server) as connection, connection.cursor() as cursor:
        rows = 0
        for statement in script.split(";\n"):
            if statement.strip():
                made = cursor.execute(statement)
                rows += made if "insert into" in statement else 0
    return rows


class Writer:
    """The shop's customers: one thread that inserts, updates and deletes until told to stop."""

    def __init__(self, server: MariaDb, *, seed: int = 2026) -> None:
        """Prepare; nothing is written before `start`."""
        self._server = server
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shop-writer", daemon=True)
        self.transactions = 0
        self.has_gift_note = False
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the transaction under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def add_column(self) -> str:
        """Change a table while everything runs, and use the new column from then on; returns the statement."""
        sql = "ALTER TABLE shop.orders ADD COLUMN gift_note VARCHAR(80) DEFAULT 'none 🎁' AFTER total"
        with connect(self._server) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
        self.has_gift_note = True
        return sql

    def _run(self) -> None:
        deeds = (
            self._order,
            self._order,
            self._pay,
            self._count_stock,
            self._rename,
            self._swap_skus,
            self._look,
            self._leave,
        )
        try:
            with connect(self._server) as connection:
                while not self._stop.is_set():
                    connection.begin()
                    with connection.cursor() as cursor:
                        self._random.choice(deeds)(cursor)
                    connection.commit()
                    self.transactions += 1
                    time.sleep(PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - a thread's edge: the show tells it
            self.error = error

    def _order(self, cursor: pymysql.cursors.Cursor) -> None:
        pick = self._random
        note = ", gift_note = 'for you 🎀'" if self.has_gift_note and pick.random() < 0.5 else ""
        cursor.execute(
            "INSERT INTO shop.orders SET customer_id = %s, total = %s, placed_at = now(6)" + note,
            (pick.randint(1, 39000), pick.randint(1, 10**6) / 100),
        )
        order = cursor.lastrowid
        for line in range(pick.randint(1, 4)):
            item = (order, line, pick.randint(1, 5000), pick.randint(1, 9), pick.randint(1, 10**5) / 100)
            cursor.execute("INSERT INTO shop.order_items VALUES (%s, %s, %s, %s, %s)", item)

    def _pay(self, cursor: pymysql.cursors.Cursor) -> None:
        order = self._random.randint(1, 80000)
        cursor.execute(
            "INSERT INTO shop.payments VALUES (%s, %s, %s, NULL, now(3))", (uuid.uuid4().bytes, order, order / 100)
        )
        cursor.execute("UPDATE shop.orders SET status = 'paid' WHERE id = %s", (order,))

    def _count_stock(self, cursor: pymysql.cursors.Cursor) -> None:
        first = self._random.randint(1, 4980)
        cursor.execute(
            "UPDATE shop.stock SET pieces = pieces - 1, counted_on = curdate() WHERE product_id BETWEEN %s AND %s",
            (first, first + self._random.randint(0, 9)),
        )

    def _rename(self, cursor: pymysql.cursors.Cursor) -> None:
        """A part of a primary key changes."""
        customer = self._random.randint(1, 39000)
        cursor.execute("UPDATE shop.addresses SET kind = 1 + (kind %% 3) WHERE customer_id = %s", (customer,))

    def _swap_skus(self, cursor: pymysql.cursors.Cursor) -> None:
        """Two products exchange a unique value within one transaction."""
        one, other = self._random.sample(range(1, 5001), 2)
        cursor.execute("SELECT id, sku FROM shop.products WHERE id IN (%s, %s) FOR UPDATE", (one, other))
        skus = dict(cursor.fetchall())
        for product, sku in ((one, "swap"), (other, skus[one]), (one, skus[other])):
            cursor.execute("UPDATE shop.products SET sku = %s WHERE id = %s", (sku, product))

    def _look(self, cursor: pymysql.cursors.Cursor) -> None:
        """The table without a key gets lines, equal ones among them, and loses some."""
        path = f"/product/{self._random.randint(0, 49)}"
        for _ in range(self._random.randint(1, 3)):
            cursor.execute("INSERT INTO shop.page_views VALUES ('2026-01-02', %s, 1)", (path,))
        cursor.execute("DELETE FROM shop.page_views WHERE path = %s LIMIT 1", (path,))

    def _leave(self, cursor: pymysql.cursors.Cursor) -> None:
        """A customer without orders goes, and the foreign key takes the addresses along."""
        cursor.execute("DELETE FROM shop.customers WHERE id = %s", (self._random.randint(39001, 40000),))
