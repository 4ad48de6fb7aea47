"""A private schema registry (Apicurio, in memory): its archive from Maven Central, put into ``.cache`` by ``tools/registry``."""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from ferryman.embedded.kafka import jars, java
from ferryman.embedded.server import Server

_JVM = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_JAR = "apicurio-registry-app-2.6.13.Final-runner.jar"


class SchemaRegistry(Server):
    """Apicurio Registry 2.6; forgets all when it stops."""

    kind = "schema registry"
    scheme = "http"
    user = ""

    @property
    def url(self) -> str:
        """Where it speaks as Confluent's does."""
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def _install(self) -> None:
        jars("registry")

    def _command(self) -> list[str]:
        settings = ("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}")
        return [java(), *_JVM, *settings, "-jar", str(jars("registry").parent / _JAR)]

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        with suppress(OSError, HTTPException, socket.timeout):
            connection.request("GET", "/apis/ccompat/v7/schemas/types")
            return connection.getresponse().status == 200
        return False
