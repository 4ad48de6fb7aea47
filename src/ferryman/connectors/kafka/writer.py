"""Writers: a transactional producer (exactly once, fenced), and an idempotent one (at least once)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ferryman.connectors.kafka.marks import mark_bytes, read_marks
from ferryman.connectors.kafka.settings import Connection
from ferryman.connectors.kafka.tails import ID
from ferryman.foundation.errors import FerrymanError, LeaseLostError, Retry
from ferryman.spi.sink import Messages

TRANSACTION_MS = 600_000
"""A broker gives up a transaction after so long (its own limit is 15 minutes unless configured otherwise)."""
CALL_SECONDS = 60.0
GIVE_UP_SECONDS = 600.0
"""So long the outcome of a commit is waited for."""
CAUSE_SECONDS, _CAUSE_WAIT = 10.0, 0.2
QUEUE_BYTES = 64 << 20
"""A client's queue holds no more, so that no message can be larger."""
WAITING_BYTES = 16 << 20
"""What waits for the brokers at most; beyond that, more makes nothing faster, and every stream has a queue of its own."""
_FULL_WAIT = 0.01
"""A full queue is looked at so often: no event tells that there is room again (deliveries are reported only if they fail)."""
_PURGED = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}


def cause_of(error: KafkaException | SystemError) -> KafkaException:
    """Return the client's own error: a fatal one that comes amid its callbacks surfaces as Python's `SystemError`."""
    if isinstance(error, KafkaException):
        return error
    if isinstance(error.__cause__, KafkaException | SystemError):
        return cause_of(error.__cause__)
    raise error


class _Sender:
    """Hands messages to a producer; waits while its queue is full."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.failure: KafkaError | None = None
        self.refused = False

    def send(self, producer: Producer, messages: Messages) -> None:
        """Queue messages."""
        self._wait_for_room(producer, messages)
        # The arguments by their places: by their names they cost twice as much.
        topic, produce = messages.topic, partial(producer.produce, messages.topic)
        for message in _places(messages):
            try:
                produce(*message)
            except BufferError:
                self._wait(producer, partial(produce, *message), topic)
            except (KafkaException, SystemError) as error:
                self.raise_cause(producer)
                raise self.connection.converted(
                    _reason(producer, cause_of(error)), f"publishing into {topic}"
                ) from error
        self._poll(producer, 0)
        self.raise_failure()

    def _poll(self, producer: Producer, seconds: float) -> None:
        try:
            producer.poll(seconds)
        except (KafkaException, SystemError) as error:
            raise self.connection.converted(cause_of(error), "publishing") from error

    def _wait_for_room(self, producer: Producer, messages: Messages) -> None:
        """Wait until no more than enough waits, in messages of this size."""
        size = sum(len(value) for value in messages.values if value is not None)
        most = WAITING_BYTES * len(messages.values) // max(size, 1)
        for _ in self._waits(producer):
            if len(producer) <= most:
                return

    def _wait(self, producer: Producer, again: Callable[[], object], topic: str) -> None:
        for _ in self._waits(producer):
            waiting = len(producer)
            try:
                again()
            except BufferError:
                if waiting:
                    continue
                raise FerrymanError(
                    "sink.too_large", f"publishing into {topic}: a message is larger than {QUEUE_BYTES >> 20} MB"
                ) from None
            return

    def _waits(self, producer: Producer) -> Iterator[None]:
        """Yield, now and after each short wait, as long as there is hope."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            yield
            self._poll(producer, _FULL_WAIT)
            self.raise_failure()
        raise FerrymanError("endpoint.unreachable", f"Kafka at {self.connection.servers} takes no more messages")

    def delivered(self, error: KafkaError | None, _message: Message) -> None:
        """Note a failed delivery; given to every producer as its callback."""
        if error is not None and error.code() not in _PURGED:  # those follow from another failure
            self.failure = self.failure or error
            self.refused = True

    def raise_cause(self, producer: Producer) -> None:
        """Raise what a delivery failed with, if that is why the transaction cannot go on.

        It is told by a callback, which on a busy machine comes some time behind the refusal of what follows.
        """
        deadline = time.monotonic() + CAUSE_SECONDS
        self._poll(producer, _CAUSE_WAIT)
        while self.failure is None and len(producer) and time.monotonic() < deadline:
            self._poll(producer, _CAUSE_WAIT)
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what a delivery failed with."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise self.connection.converted(failure, "publishing")


def _reason(producer: Producer, error: KafkaException) -> KafkaException:
    """Return why a transaction takes no more messages, which only its commit tells: it is refused, whatever it holds."""
    if error.args[0].code() != KafkaError._STATE:
        return error
    try:
        producer.commit_transaction(CALL_SECONDS)
    except (KafkaException, SystemError) as reason:
        return cause_of(reason)
    return error


def _places(messages: Messages) -> Iterable[tuple[Any, ...]]:
    """Return each message as the client takes it behind the topic."""
    columns: list[Iterable[Any]] = [messages.values, messages.keys, messages.partitions]
    if messages.names:
        headers = [[(ID, name)] if name else None for name in messages.names]
        columns += [repeat(None), repeat(None), repeat(0), headers]  # no callback, by either name; the time is now
        return zip(*columns, strict=False)
    return zip(*columns, strict=True)


class TransactionalWriter:
    """Messages and marks in one transaction; a new writer of the same name shuts this one out (I7)."""

    def __init__(self, connection: Connection, settings: Mapping[str, Any], name: str, marks_topic: str) -> None:
        self._connection = connection
        self._marks_topic = marks_topic
        self._sender = _Sender(connection)
        self._settings = {
            **settings,
            "transactional.id": name,
            "transaction.timeout.ms": TRANSACTION_MS,
            "message.timeout.ms": TRANSACTION_MS // 2,
            "on_delivery": self._sender.delivered,
        }
        self._producer: Producer | None = None
        self._lost: LeaseLostError | None = None
        self._open()

    def _open(self) -> Producer:
        """Take the name over: whatever its holder before had open is settled then."""
        if self._lost is not None:
            raise self._lost
        if self._producer is None:
            producer = self._connection.made(Producer, self._settings)
            # First the address it was given, then the broker itself: while it knows none, the client
            # asks for the coordinator only every half second.
            for _ in range(2):
                self._call(lambda: producer.list_topics(self._marks_topic, CALL_SECONDS), "beginning to publish")
            self._call(lambda: producer.init_transactions(CALL_SECONDS), "beginning to publish")
            self._producer = producer
        return self._producer

    def _call(self, action: Callable[[], object], what: str) -> None:
        try:
            action()
        except (KafkaException, SystemError) as error:
            raise self._connection.converted(cause_of(error), what) from error

    def begin(self) -> None:
        """Begin a transaction."""
        producer = self._open()
        self._sender.failure = None
        self._call(producer.begin_transaction, "beginning a transaction")

    def publish(self, messages: Messages) -> None:
        """Hand messages over."""
        self._sender.send(self._open(), messages)

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Commit messages and marks."""
        producer = self._open()
        # First, so that what a message is refused for is known by its own name.
        self._call(lambda: producer.flush(CALL_SECONDS), "publishing")
        self._sender.raise_failure()
        if marks:
            self._sender.send(producer, marks_message(self._marks_topic, marks))
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                producer.commit_transaction(CALL_SECONDS)
            except (KafkaException, SystemError) as error:
                self._judge(cause_of(error), marks, deadline)
                if self._producer is None:
                    return
            else:
                return

    def _judge(self, error: KafkaException, marks: Mapping[str, Any], deadline: float) -> None:
        """Decide after a failed commit: return to call again; without a producer it has turned out to be committed."""
        cause: KafkaError = error.args[0]
        if cause.retriable() and time.monotonic() < deadline:
            return
        if self._producer is not None:
            self._sender.raise_cause(self._producer)
        converted = self._connection.converted(cause, "committing a transaction")
        if isinstance(converted, LeaseLostError) or cause.txn_requires_abort():
            raise converted from error
        self._producer = None
        if not marks or not self._is_committed(marks):
            raise converted from error

    def _is_committed(self, marks: Mapping[str, Any]) -> bool:
        """Ask what became of a commit whose outcome is unknown: a new holder settles it first."""
        self._open()
        kept = read_marks(self._connection, self._marks_topic)
        self._producer = None
        return all(kept.get(name) == mark for name, mark in marks.items())

    def rollback(self) -> None:
        """Abort; a producer that cannot, or that was refused a message, is replaced, which has the same effect."""
        producer, refused = self._producer, self._sender.refused
        self._sender.failure, self._sender.refused = None, False
        if producer is None:
            return
        try:
            producer.abort_transaction(CALL_SECONDS)
        except (KafkaException, SystemError) as error:
            refused = True
            self._note_loss(error)
        if refused:  # it may be in a state without a way on
            self._producer = None

    def _note_loss(self, error: KafkaException | SystemError) -> None:
        """Whoever was shut out stays out: another producer of the name would shut out its successor (I7)."""
        with contextlib.suppress(SystemError):
            found = self._connection.converted(cause_of(error), "giving up a transaction")
            self._lost = found if isinstance(found, LeaseLostError) else None

    def close(self) -> None:
        """Let the producer go; what it had open is aborted by whoever comes next."""
        self._producer = None


class IdempotentWriter:
    """Messages in order, each once while the process lives; marks behind them."""

    def __init__(self, connection: Connection, settings: Mapping[str, Any], marks_topic: str) -> None:
        self._connection = connection
        self._marks_topic = marks_topic
        self._sender = _Sender(connection)
        self._settings = {
            **settings,
            "message.timeout.ms": TRANSACTION_MS // 2,
            "on_delivery": self._sender.delivered,
        }
        self._producer = connection.made(Producer, self._settings)

    def begin(self) -> None:
        """Begin; what was given up before has been purged."""
        self._sender.failure = None

    def publish(self, messages: Messages) -> None:
        """Hand messages over."""
        self._sender.send(self._producer, messages)

    def commit(self, marks: Mapping[str, Any]) -> None:
        """Wait for the messages, then write the marks (I1)."""
        self._flush()
        if marks:
            self._sender.send(self._producer, marks_message(self._marks_topic, marks))
            self._flush()

    def _flush(self) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self._producer.flush(1.0):
            self._sender.raise_failure()
            if time.monotonic() > deadline:
                raise FerrymanError(
                    "endpoint.connection_lost", "Kafka has not taken all messages in time", retry=Retry.AUTO
                )
        self._sender.raise_failure()

    def rollback(self) -> None:
        """Give up what has not been sent; what has been will come again."""
        self._purge()
        self._producer = Producer(self._settings)  # what was on its way when purged must not meet what comes next

    def close(self) -> None:
        """Give up what is open."""
        self._purge()

    def _purge(self) -> None:
        self._producer.purge()
        self._producer.flush(5.0)
        self._sender.failure = None


def marks_message(topic: str, marks: Mapping[str, Any]) -> Messages:
    """Return marks as messages."""
    return Messages(
        topic=topic,
        partitions=[0] * len(marks),
        keys=[name.encode() for name in marks],
        values=[mark_bytes(mark) for mark in marks.values()],
    )
