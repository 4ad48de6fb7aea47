"""Private real servers for the demo and the tests: MariaDB, OceanBase, PostgreSQL, MySQL 5.6, TiDB, Kafka, RocketMQ, Apicurio.

Each lives in a directory of its own, listens on loopback on a free port, has a random administrator's password from
the first second, and is gone when it is stopped. They are no part of a production set-up.
"""

from ferryman.embedded.kafka import Kafka
from ferryman.embedded.mariadb import MariaDb
from ferryman.embedded.mysql56 import MySql56
from ferryman.embedded.oceanbase import OceanBase
from ferryman.embedded.postgres import Postgres
from ferryman.embedded.rocketmq import RocketMq
from ferryman.embedded.schema_registry import SchemaRegistry
from ferryman.embedded.server import Server
from ferryman.embedded.tidb import TiDb

__all__ = ["Kafka", "MariaDb", "MySql56", "OceanBase", "Postgres", "RocketMq", "SchemaRegistry", "Server", "TiDb"]
