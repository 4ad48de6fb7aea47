"""Apache Kafka as a sink, by confluent-kafka (librdkafka); loaded when it is used."""

from __future__ import annotations

from ferryman.connectors.kafka.checks import KafkaChecks
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.connector import Connector
from ferryman.spi.sink import Sink


def _sink(endpoint: Endpoint, options: PublishOptions) -> Sink:
    from ferryman.connectors.kafka.sink import KafkaSink

    return KafkaSink(endpoint, options)


CONNECTOR = Connector(schemes=("kafka",), oms_type="KAFKA", default_port=9092, sink=_sink, checks=KafkaChecks)
"""What the entry point ``ferryman.connectors:kafka`` names."""
