"""Fresh metadbs on the servers there are."""

import contextlib
import dataclasses

import psycopg
import pymysql

from ferryman.spi.url import format_url

SERVERS = ("mariadb", "oceanbase", "postgres")


def fresh_metadb_url(server, name):
    """Make an empty database and return it as `--metadb` takes it."""
    endpoint = server.endpoint
    if endpoint.scheme == "postgresql":
        with psycopg.connect(
            host=endpoint.host, port=endpoint.port, user=endpoint.username, password=endpoint.password,
            dbname="postgres", autocommit=True,
        ) as connection:  # fmt: skip
            connection.execute(f'CREATE DATABASE "{name}"')
    else:
        with (
            contextlib.closing(
                pymysql.connect(
                    host=endpoint.host, port=endpoint.port, user=endpoint.username, password=endpoint.password
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"CREATE DATABASE {name}")
    return format_url(dataclasses.replace(endpoint, database=name), password=True)
