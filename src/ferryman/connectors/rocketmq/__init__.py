"""Apache RocketMQ as a sink, by its remoting protocol (4.x and 5.x); an endpoint names the name servers."""

from __future__ import annotations

from ferryman.connectors.queue_family.checks import QueueChecks
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.connector import Connector
from ferryman.spi.precheck import EndpointChecks
from ferryman.spi.sink import Sink


def _sink(endpoint: Endpoint, options: PublishOptions) -> Sink:
    from ferryman.connectors.rocketmq.sink import RocketMqSink

    return RocketMqSink(endpoint, options)


def _checks(endpoint: Endpoint) -> EndpointChecks:
    return QueueChecks(endpoint, _sink)


CONNECTOR = Connector(schemes=("rocketmq",), oms_type="ROCKETMQ", default_port=9876, sink=_sink, checks=_checks)
"""What the entry point ``ferryman.connectors:rocketmq`` names."""
