"""How fast a load goes: the control of streams and batches as a pure state machine (ADR 0120).

Once a period it is told what has happened (`Seen`) and says how many streams take chunks, and how much is written at a time
(`Speed`). Three rules, in this order:

1. *The source comes first.* While others need it, or a replica falls behind, streams are halved, each period again, down
   to none; when it has been calm for some periods they come back one by one.
2. *A statement has its time.* When writes take longer than the mode bears, batches are halved, and streams once batches
   are as small as they may be; when writes are over soon, batches double.
3. *More only where it helps.* One stream more is tried now and then, and kept when the load went faster with it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from ferryman.model.project import LoadOptions, SpeedMode
from ferryman.spi.source import SourceLoad

PERIOD_SECONDS = 2.0
"""How long is watched before anything is decided."""

LEAST_BATCH = 64 << 10
"""Smaller writes cost more in round trips than they ease the target."""

GAIN = 1.05
"""A stream is worth keeping when the load goes faster by this factor."""

CALM_PERIODS = 3
"""So many periods without strain before streams come back."""

REST_PERIODS = 15
"""So many periods between two trials of one more stream."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a mode allows.

    Attributes:
        first: Streams it begins with.
        most: Streams at most.
        batch: Bytes read and written at a time at most; it begins with them.
        statement_seconds: How long one write may take.
        running: Statements of others running at the source from which on it steps back.
        lag_seconds: Lag of a replica from which on it steps back.
        least: Streams that stay however busy the source is.
        rest: Pause behind each write, as a share of the time it took.
    """

    first: int
    most: int
    batch: int
    statement_seconds: float
    running: int
    lag_seconds: float
    least: int = 0
    rest: float = 0.0


MODES: dict[SpeedMode, Bounds] = {
    SpeedMode.STEADY: Bounds(1, 2, 256 << 10, 0.25, running=10, lag_seconds=5.0, rest=1.0),
    SpeedMode.NORMAL: Bounds(4, 8, 1 << 20, 1.0, running=25, lag_seconds=30.0),
    SpeedMode.FAST: Bounds(8, 16, 2 << 20, 4.0, running=100, lag_seconds=300.0, least=1),
}


class Phase(enum.Enum):
    """What the control is doing."""

    SETTLED = "settled"
    """It keeps what it has."""
    TRYING = "trying one stream more"
    """It looks whether the last stream was worth it."""
    YIELDING = "yielding to the source"
    """The source is busy, or was a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What happened in one period.

    Attributes:
        seconds: How long it was.
        bytes: Committed.
        writes: Statements that wrote rows.
        write_seconds: Time they took, together.
        source: How busy the source is, where that is known.
        ours: Statements there that are ours.
    """

    seconds: float
    bytes: int
    writes: int
    write_seconds: float
    source: SourceLoad | None = None
    ours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How the load goes now, and what the control remembers.

    Attributes:
        streams: Streams that take chunks, for a target that is near: a far one gets more (`distance`).
        batch: Bytes read and written at a time.
        phase: What the control is doing.
        reason: Why, for people.
        rate: Bytes a second before the trial, or as it goes.
        wanted: Streams to come back to when the source is calm.
        calm: Periods without strain.
        rest: Periods until the next trial.
    """

    streams: int
    batch: int
    phase: Phase = Phase.SETTLED
    reason: str = ""
    rate: float = 0.0
    wanted: int = 0
    calm: int = 0
    rest: int = 2


def bounds_of(options: LoadOptions) -> Bounds:
    """Return what the options allow; numbers that were chosen are exact."""
    bounds = MODES[options.mode]
    if options.source_running:
        bounds = replace(bounds, running=options.source_running)
    if options.streams:
        bounds = replace(bounds, first=options.streams, most=options.streams, least=options.streams)
    return bounds


def begin(bounds: Bounds) -> Speed:
    """Return the speed to begin with."""
    return Speed(streams=bounds.first, batch=bounds.batch)


def fitted(speed: Speed, bounds: Bounds) -> Speed:
    """Return the speed under other bounds: it begins there anew, but for what the source has asked for."""
    fresh = begin(bounds)
    if speed.phase is not Phase.YIELDING:
        return fresh
    return replace(
        speed, streams=max(bounds.least, min(speed.streams, bounds.most)), batch=fresh.batch, wanted=fresh.streams
    )


def step(speed: Speed, seen: Seen, bounds: Bounds) -> Speed:
    """Return the speed for the next period."""
    if strain := strain_of(seen, bounds):
        return _yielded(speed, bounds, strain)
    if speed.phase is Phase.YIELDING:
        return _coming_back(speed)
    if seen.writes < 2 * max(1, speed.streams):
        return speed  # too little to tell anything from
    rate = seen.bytes / seen.seconds
    eased = _eased(speed, seen, bounds)
    if eased != speed:
        return replace(eased, rate=0.0, phase=Phase.SETTLED, rest=max(2, speed.rest))
    if seen.write_seconds / seen.writes > bounds.statement_seconds:
        return speed  # as small as may be, and still slow: nothing is added
    if speed.phase is Phase.TRYING:
        return _judged(speed, rate, bounds.most)
    return _tried(speed, rate, bounds.most)


def strain_of(seen: Seen, bounds: Bounds) -> str:
    """Say what of the source is strained; nothing when nothing is."""
    if seen.source is None:
        return ""
    others = max(0, seen.source.running - seen.ours)
    if others > bounds.running:
        return f"{others} statements of others run at the source, more than {bounds.running}"
    lag = seen.source.lag_seconds
    if lag is not None and lag > bounds.lag_seconds:
        return f"the source is a replica and {lag:.0f} s behind, more than {bounds.lag_seconds:.0f} s"
    return ""


def _yielded(speed: Speed, bounds: Bounds, strain: str) -> Speed:
    wanted = speed.wanted if speed.phase is Phase.YIELDING else speed.streams
    streams = max(bounds.least, speed.streams // 2)
    return replace(speed, streams=streams, phase=Phase.YIELDING, reason=strain, wanted=wanted, calm=0, rate=0.0)


def _coming_back(speed: Speed) -> Speed:
    if speed.calm + 1 < CALM_PERIODS:
        return replace(speed, calm=speed.calm + 1, reason="the source is calm again")
    streams = min(speed.streams + 1, speed.wanted)
    if streams >= speed.wanted:
        return replace(speed, streams=streams, phase=Phase.SETTLED, reason="", calm=0, rest=REST_PERIODS)
    return replace(speed, streams=streams, reason="the source is calm again")


def _eased(speed: Speed, seen: Seen, bounds: Bounds) -> Speed:
    """Keep the time of a write within what the mode bears."""
    took = seen.write_seconds / seen.writes
    if took > bounds.statement_seconds:
        if speed.batch > LEAST_BATCH:
            return replace(speed, batch=max(LEAST_BATCH, speed.batch // 2), reason=f"writes take {took:.1f} s")
        if speed.streams > max(1, bounds.least):
            return replace(
                speed, streams=max(1, bounds.least, speed.streams // 2), reason=f"even small writes take {took:.1f} s"
            )
    if took < bounds.statement_seconds / 4 and speed.batch < bounds.batch:
        return replace(speed, batch=min(bounds.batch, speed.batch * 2), reason=f"writes take {took:.2f} s only")
    return speed


def _judged(speed: Speed, rate: float, most: int) -> Speed:
    if rate < speed.rate * GAIN:
        reason = f"{speed.streams} streams were no faster"
        return replace(speed, streams=speed.streams - 1, phase=Phase.SETTLED, reason=reason, rest=REST_PERIODS)
    if speed.streams >= most:
        return replace(
            speed, phase=Phase.SETTLED, rate=rate, reason=f"{speed.streams} streams are the most", rest=REST_PERIODS
        )
    reason = f"{speed.streams} streams were faster"
    return replace(speed, streams=speed.streams + 1, rate=rate, reason=reason)


def _tried(speed: Speed, rate: float, most: int) -> Speed:
    if speed.rest or not speed.rate or speed.streams >= most:
        return replace(speed, rest=max(0, speed.rest - 1), rate=(speed.rate + rate) / 2 if speed.rate else rate)
    return replace(
        speed, streams=speed.streams + 1, phase=Phase.TRYING, reason=f"{speed.streams + 1} streams are tried"
    )
