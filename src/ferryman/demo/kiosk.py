"""A kiosk on OceanBase: two small tables and one customer after the other."""

from __future__ import annotations

import random
import threading
from typing import Any

import pymysql

from ferryman.embedded import OceanBase

DATABASE = "kiosk"
TABLES = (
    "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, pieces INT NOT NULL, price DECIMAL(10,2) NOT NULL)",
    "CREATE TABLE sales (id BIGINT PRIMARY KEY, item INT NOT NULL, customer VARCHAR(20), paid DECIMAL(10,2), at DATETIME(3))",
)
GOODS = ("tea", "coffee", "pretzel", "newspaper", "umbrella", "postcard", "apple", "chocolate", "stamp", "ticket")
NAMES = ("Ada", "Grace", "Lin", "Edsger", "Barbara", "Ken", "Katherine", "Leslie")
ITEMS = 200
PAUSE_SECONDS = 0.12


def connect(server: OceanBase, database: str | None = None) -> pymysql.connections.Connection:
    """Open an autocommit connection."""
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
        autocommit=True,
    )


def fill(server: OceanBase) -> int:
    """Make and fill the kiosk; returns its number of rows."""
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {DATABASE}")
        for statement in TABLES:
            cursor.execute(statement)
        rows = [(n, f"{GOODS[n % len(GOODS)]} no. {n}", 50, 1 + n / 4) for n in range(ITEMS)]
        cursor.executemany("INSERT INTO items VALUES (%s, %s, %s, %s)", rows)
    return ITEMS


class Customers:
    """One thread of customers: they buy, bring back, and now and then an item goes or comes."""

    def __init__(self, server: OceanBase, *, seed: int = 2026) -> None:
        """Prepare; nothing is written before `start`."""
        self._server, self._dice = server, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)
        self.transactions = 0
        self.error: Exception | None = None

    def start(self) -> None:
        """Open the kiosk."""
        self._thread.start()

    def stop(self) -> None:
        """Close it after the customer under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with connect(self._server, DATABASE) as connection:
                while not self._stop.wait(PAUSE_SECONDS):
                    connection.begin()
                    with connection.cursor() as cursor:
                        self._dice.choice((self._buy, self._buy, self._buy, self._bring_back, self._renew))(cursor)
                    connection.commit()
                    self.transactions += 1
        except Exception as error:  # noqa: BLE001 - a thread's edge: the show tells it
            self.error = error

    def _buy(self, cursor: Any) -> None:
        item, number = self._dice.randrange(ITEMS), self.transactions
        cursor.execute(
            "INSERT INTO sales VALUES (%s, %s, %s, %s, now(3))",
            (number, item, self._dice.choice(NAMES), self._dice.randrange(100, 9999) / 100),
        )
        cursor.execute("UPDATE items SET pieces = pieces - 1 WHERE id = %s", (item,))

    def _bring_back(self, cursor: Any) -> None:
        cursor.execute("DELETE FROM sales WHERE id = %s", (self._dice.randrange(self.transactions + 1),))

    def _renew(self, cursor: Any) -> None:
        item = self._dice.randrange(ITEMS)
        cursor.execute("DELETE FROM items WHERE id = %s", (item,))
        if self._dice.random() < 0.7:
            good = self._dice.choice(GOODS)
            cursor.execute(
                "INSERT INTO items VALUES (%s, %s, 50, %s)", (item, f"fresh {good} no. {item}", 1 + item / 4)
            )
