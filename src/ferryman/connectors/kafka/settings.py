"""Endpoints as settings of librdkafka, and its errors as ours."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry, UsageError
from ferryman.foundation.networks import allowed_address
from ferryman.model.project import Endpoint

_OPTIONS = {
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanism",
    "ssl_ca": "ssl.ca.location",
    "ssl_cert": "ssl.certificate.location",
    "ssl_key": "ssl.key.location",
    "ssl_key_password": "ssl.key.password",
}
"""Options of a URL → settings of librdkafka."""

_Client = TypeVar("_Client")

_AUTHENTICATION = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError._SSL,
}
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "grant the user Describe, Read and Write on the topics and on those that begin with _ferryman; where the project makes"
        " topics, also Create"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant the user Create and IdempotentWrite on the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "grant the user Describe and Write on transactional ids that begin with ferryman/, or choose delivery=at-least-once"
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant the user Read on the group ferryman",
}
"""What a user may not do → what would let it."""
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
_PASSING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._WAIT_COORD,
}
"""A leader that moves, a coordinator that wakes: over in a moment. The client says so only of calls on transactions."""
TROUBLE_SECONDS = 60.0
"""So long what was told beside the calls explains why one of them fails: while the cause lasts, it is told anew."""
_QUIET = logging.getLogger("librdkafka")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
"""Whatever librdkafka would write to the terminal: each of its errors reaches us as an error of a call, too."""
_AWAY = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}


def is_passing(error: KafkaException) -> bool:
    """Whether an error says that a topic, which is there, has no leader yet that answers."""
    return error.args[0].code() in _PASSING | {KafkaError.UNKNOWN_TOPIC_OR_PART}


class Connection:
    """An endpoint's settings; remembers what librdkafka tells only beside the call: why it cannot connect."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        for server in self.servers.split(","):
            host, _, port = server.rpartition(":")
            allowed_address(host.strip("[]"), int(port), what="Kafka", resolve=False)
        self._trouble: tuple[float, KafkaError] | None = None

    @property
    def servers(self) -> str:
        """``host:port,host:port``."""
        return self._endpoint.options.get("servers") or f"{self._endpoint.host}:{self._endpoint.port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings for any client."""
        options = self._endpoint.options
        found: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "client.id": "ferryman",
            "log_level": 0,
            "logger": _QUIET,
            "error_cb": self._noted,
            "reconnect.backoff.max.ms": 2000,
        }
        found |= {_OPTIONS[name]: value for name, value in options.items() if name in _OPTIONS}
        if self._endpoint.username:
            found |= {"sasl.username": self._endpoint.username, "sasl.password": self._endpoint.password}
            found.setdefault("sasl.mechanism", "PLAIN")
            found.setdefault("security.protocol", "SASL_PLAINTEXT")
        if options.get("ssl_check_host", "true").lower() == "false":
            found["ssl.endpoint.identification.algorithm"] = "none"
        return found | more

    def made(self, make: Callable[[dict[str, Any]], _Client], settings: dict[str, Any]) -> _Client:
        """Make a client; ``usage.wrong_option`` for a setting that librdkafka does not take."""
        try:
            return make(settings)
        except KafkaException as error:
            raise UsageError(
                "usage.wrong_option",
                f"Kafka at {self.servers}: {error.args[0].str()}",
                hint="correct the options behind the ? of the target's URL",
            ) from error

    def _noted(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN and not (error.code() in _AWAY and self._refusal() is not None):
            self._trouble = time.monotonic(), error

    def _recent(self) -> KafkaError | None:
        if self._trouble is None or time.monotonic() - self._trouble[0] > TROUBLE_SECONDS:
            return None
        return self._trouble[1]

    def _refusal(self) -> KafkaError | None:
        recent = self._recent()
        return recent if recent is not None and recent.code() in _AUTHENTICATION else None

    def converted(self, error: KafkaException | KafkaError, what: str) -> FerrymanError:
        """Return our error for one of librdkafka's; `what` says what was being done."""
        cause = error.args[0] if isinstance(error, KafkaException) else error
        code, reason = cause.code(), cause.str()
        if code in _FENCED:
            return LeaseLostError("lease.lost", f"{what}: another process publishes for this project now")
        if code in _TOO_LARGE:
            return FerrymanError("sink.too_large", f"{what}: a message is larger than Kafka takes ({reason})")
        if (refusal := cause if code in _AUTHENTICATION else self._refusal()) is not None:
            return self._refused(refusal)
        if code in _DENIED:
            return FerrymanError("endpoint.access_denied", f"{what}: {reason}", hint=_DENIED[code])
        if code in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}:
            return FerrymanError("sink.topic_missing", f"{what}: {reason}")
        if code in _AWAY:
            return self._unreachable(what, reason)
        if code in _PASSING or cause.retriable() or cause.txn_requires_abort():
            return FerrymanError("endpoint.connection_lost", f"{what}: {reason}", retry=Retry.AUTO)
        return FerrymanError("sink.refused", f"{what}: {reason}")

    def _refused(self, refusal: KafkaError) -> FerrymanError:
        if refusal.code() == KafkaError._SSL:
            return FerrymanError(
                "endpoint.access_denied",
                f"no TLS with Kafka at {self.servers}: {refusal.str()}",
                hint="is that a TLS port? check security_protocol, ssl_ca, ssl_cert and ssl_key of the endpoint",
            )
        return FerrymanError(
            "endpoint.access_denied",
            f"Kafka at {self.servers} refused the login: {refusal.str()}",
            hint="check user name, password, sasl_mechanism and security_protocol of the endpoint",
        )

    def _unreachable(self, what: str, reason: str) -> FerrymanError:
        recent = self._recent()
        shown = recent.str() if recent is not None else reason
        return FerrymanError(
            "endpoint.unreachable",
            f"Kafka at {self.servers} does not answer: {what}: {shown}",
            hint="check host, port, that the broker runs, and whether its port wants TLS or a login (security_protocol)",
        )
