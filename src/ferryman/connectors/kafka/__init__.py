"""Apache Kafka as a sink, by confluent-kafka (librdkafka); loaded when it is used."""

from __future__ import annotations

from ferryman.connectors.queue_family.checks import QueueChecks
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.connector import Connector
from ferryman.spi.precheck import EndpointChecks
from ferryman.spi.sink import Sink


def _sink(endpoint: Endpoint, options: PublishOptions) -> Sink:
    from ferryman.connectors.kafka.sink import KafkaSink

    return KafkaSink(endpoint, options)


def _checks(endpoint: Endpoint) -> EndpointChecks:
    return QueueChecks(endpoint, _sink)


CONNECTOR = Connector(schemes=("kafka",), oms_type="KAFKA", default_port=9092, sink=_sink, checks=_checks)
"""What the entry point ``ferryman.connectors:kafka`` names."""
