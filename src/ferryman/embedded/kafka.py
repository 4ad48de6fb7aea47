"""A private Apache Kafka (KRaft, one node): real broker jars from Maven Central, put into ``.cache`` by ``tools/setup``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.embedded.server import Server, free_port, program
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint

CHECKOUT = Path(__file__).parents[3]
CLUSTER_ID = "ZmVycnltYW4tdGVzdHMtMQ"

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "controlled.shutdown.enable": "false",
    "inter.broker.listener.name": "PLAIN",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
}
_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class Kafka(Server):
    """Apache Kafka 4.1.

    Attributes:
        sasl_port: Where the user ``ferryman`` logs in with `password` (SASL PLAIN); `port` asks nobody.
    """

    kind = "Kafka"
    scheme = "kafka"
    user = "ferryman"

    def __init__(
        self,
        directory: Path | str,
        *,
        port: int = 0,
        outlive: bool = False,
        settings: Mapping[str, str] | None = None,
        joins: Kafka | None = None,
    ) -> None:
        """Prepare a broker; `settings` override `SETTINGS`; with `joins` it is the second broker of that one's cluster."""
        super().__init__(directory, port=port, outlive=outlive)
        self._joins = joins
        second = {"node.id": "2", "process.roles": "broker"} if joins is not None else {}
        self._settings = {**SETTINGS, **second, **(settings or {})}
        self.sasl_port = int(self._kept("sasl-port", lambda: str(free_port())))
        self._controller_port = int(self._kept("controller-port", lambda: str(free_port())))

    @property
    def endpoint(self) -> Endpoint:
        """The listener that asks nobody for a name."""
        return Endpoint(scheme=self.scheme, port=self.port)

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"kafka://127.0.0.1:{self.port}"

    def _install(self) -> None:
        data = self.directory / "data"
        self._write_settings()
        if (data / "meta.properties").exists():
            return
        data.mkdir(exist_ok=True)
        settings = str(self.directory / "server.properties")
        command = self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", settings)
        done = subprocess.run(command, capture_output=True, cwd=self.directory, text=True, check=False)
        if done.returncode:
            raise FerrymanError("embedded.not_started", f"Kafka's storage was not made: {done.stderr[-500:]}")

    def _write_settings(self) -> None:
        listeners = {"PLAIN": self.port, "SASL": self.sasl_port}
        shown = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
        controller = (self._joins or self)._controller_port
        heard = shown if self._joins is not None else [*shown, f"CONTROLLER://127.0.0.1:{controller}"]
        module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        login = f'username="{self.user}" password="{self.password}" user_{self.user}="{self.password}"'
        own = {
            "log.dirs": str(self.directory / "data"),
            "listeners": ",".join(heard),
            "advertised.listeners": ",".join(shown),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.name.sasl.plain.sasl.jaas.config": f"{module} {login};",
        }
        path = self.directory / "server.properties"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in {**self._settings, **own}.items()))

    def _command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self.directory / "server.properties"))

    def _java(self, main: str, *arguments: str) -> list[str]:
        return [java(), *_JVM, "-cp", f"{jars('kafka')}/*", main, *arguments]

    def _is_ready(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        quiet: dict[str, Any] = {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "log_level": 0,
            "error_cb": lambda _error: None,
        }
        try:
            return bool(AdminClient(quiet).list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False


def java() -> str:
    """Return the Java program; ``embedded.missing`` when there is none."""
    return program("java", package="openjdk-17-jre-headless")


def jars(name: str) -> Path:
    """Return where a broker's jars are; ``embedded.missing`` when they were not fetched."""
    root = Path(os.environ.get("FERRYMAN_CACHE", CHECKOUT / ".cache"))
    path = root / name / "lib"
    if not path.is_dir():
        raise FerrymanError("embedded.missing", f"the jars of {name} are not at {path}", hint="run `make setup`")
    return path
