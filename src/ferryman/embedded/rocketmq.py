"""A private Apache RocketMQ (name server, broker): real jars from Maven Central, put into ``.cache`` by ``tools/setup``."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
from pathlib import Path

from ferryman.embedded.kafka import jars, java
from ferryman.embedded.server import Server, free_port

SETTINGS = {
    "brokerClusterName": "ferryman",
    "brokerName": "broker-a",
    "brokerId": "0",
    "brokerIP1": "127.0.0.1",
    "autoCreateTopicEnable": "false",
    "traceTopicEnable": "true",
    "mappedFileSizeCommitLog": "67108864",
    "mappedFileSizeConsumeQueue": "600000",
    "maxIndexNum": "40000",
    "maxHashSlotNum": "10000",
    "transientStorePoolEnable": "false",
    "warmMapedFileEnable": "false",
    "diskMaxUsedSpaceRatio": "99",
    "timerWheelEnable": "false",
    "registerNameServerPeriod": "10000",
    "useEpollNativeSelector": "false",
    "authenticationEnabled": "true",
    "authenticationProvider": "org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider",
    "authenticationMetadataProvider": "org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider",
}
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:MaxDirectMemorySize=256m")
_OPENS = ("--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")


class NameServer(Server):
    """Tells clients which broker has which queues."""

    kind = "RocketMQ name server"
    scheme = "rocketmq"
    user = "ferryman"

    def _install(self) -> None:
        (self.directory / "namesrv.conf").write_text(f"listenPort={self.port}\nbindAddress=127.0.0.1\n")

    def _command(self) -> list[str]:
        settings = str(self.directory / "namesrv.conf")
        return _java(self.directory, 96, "org.apache.rocketmq.namesrv.NamesrvStartup", "-c", settings)

    def _is_ready(self) -> bool:
        return _listens(self.port)


class RocketMq(Server):
    """Apache RocketMQ 5.5: a broker, and the name server that its clients are told of.

    Attributes:
        port: Of the name server, which is what an endpoint names.
    """

    kind = "RocketMQ"
    scheme = "rocketmq"
    user = "ferryman"

    def __init__(self, directory: Path | str, *, port: int = 0, outlive: bool = False) -> None:
        """Prepare both."""
        super().__init__(directory, port=port, outlive=outlive)
        self.names = NameServer(self.directory / "names", port=self.port, outlive=outlive)
        self.broker_port = int(self._kept("broker-port", lambda: str(_free_ports())))

    def _install(self) -> None:
        jars("rocketmq")
        login = {"accessKey": self.user, "secretKey": self.password}
        own = {
            "listenPort": str(self.broker_port),
            "namesrvAddr": f"127.0.0.1:{self.port}",
            "storePathRootDir": str(self.directory / "store"),
            "storePathCommitLog": str(self.directory / "store" / "commitlog"),
            "authConfigPath": str(self.directory / "auth"),
            "initAuthenticationUser": json.dumps({"username": self.user, "password": self.password}),
            "innerClientAuthenticationCredentials": json.dumps(login),
        }
        path = self.directory / "broker.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in {**SETTINGS, **own}.items()))

    def tool(self, home: Path, *arguments: str) -> str:
        """Return what RocketMQ's own ``mqadmin`` says; it logs in as ``home/conf/tools.yml`` tells."""
        command = _java(home, 96, "org.apache.rocketmq.tools.command.MQAdminStartup", *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def _launch(self) -> None:
        self.names.start()
        super()._launch()

    def _command(self) -> list[str]:
        settings = str(self.directory / "broker.conf")
        return _java(self.directory, 384, "org.apache.rocketmq.broker.BrokerStartup", "-c", settings)

    def _is_ready(self) -> bool:
        return _listens(self.broker_port) and b"broker-a" in _brokers(self.port)

    def _end(self, how: signal.Signals) -> None:
        super()._end(how)
        self.names._end(how)


def _java(directory: Path, megabytes: int, main: str, *arguments: str) -> list[str]:
    home = ["-Duser.home=" + str(directory), "-Drocketmq.home.dir=" + str(directory)]
    memory = ["-Xms64m", f"-Xmx{megabytes}m"]
    return [java(), *memory, *_JVM, *_OPENS, *home, "-cp", f"{jars('rocketmq')}/*", main, *arguments]


def _brokers(port: int) -> bytes:
    """Return what the name server says of its brokers."""
    header = json.dumps({"code": 106, "language": "OTHER", "version": 317, "opaque": 1, "flag": 0}).encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as probe:
            probe.sendall(struct.pack(">ii", 4 + len(header), len(header)) + header)
            return probe.recv(1 << 16)
    except OSError:
        return b""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> int:
    """Return a port whose neighbours are free too: a broker takes the one after it, and the second before it."""
    while True:
        port = free_port()
        if not any(_listens(near) for near in (port - 2, port + 1)) and port > 1026:
            return port
