"""Files as a sink: a directory of JSON lines, one folder a topic."""

from __future__ import annotations

from ferryman.connectors.file.precheck import FileChecks
from ferryman.connectors.file.sink import FileSink
from ferryman.spi.connector import Connector

CONNECTOR = Connector(schemes=("file",), oms_type="FILE", default_port=0, sink=FileSink, checks=FileChecks)
"""What the entry point ``ferryman.connectors:file`` names."""
