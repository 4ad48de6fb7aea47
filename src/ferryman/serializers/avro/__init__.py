"""AVRO: Debezium's envelope as Avro records, their schemas in a registry (Confluent's wire format)."""

from __future__ import annotations

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.serializers.avro.messages import AvroSerializer
from ferryman.serializers.avro.registry import Registry


def make(options: PublishOptions, endpoint: Endpoint | None) -> AvroSerializer:
    """Make the serializer; ``usage.wrong_option`` without a registry."""
    if endpoint is None or not endpoint.options.get("registry"):
        raise UsageError("usage.wrong_option", "AVRO needs a schema registry: registry=http://host:8081")
    if endpoint.scheme != "kafka":
        raise UsageError("usage.wrong_option", "AVRO goes to Kafka only", hint="choose another format")
    return AvroSerializer(options, Registry(endpoint.options, register=options.register_schemas))
