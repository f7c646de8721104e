"""What a replay is told, and what it says of itself afterwards."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from monitor.clock import Clock, Timer, monotonic
from monitor.clock import now as wall_clock

PARTITION_FIELDS = ("emitter", "event_id", "feature", "model", "tenant")
"""Fields that may be the Kafka key. Events without it get their emitter's."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to replay and how; one field per option of the command."""

    file: Path
    map: Path | None = None
    speed: float = 0.0
    """Times the recorded speed; 0 is as fast as possible."""
    times: str | None = None
    """FILE:COLUMN."""
    keep_times: bool = False
    limit: int | None = None
    """Rows."""
    partition: str = "emitter"
    """The field whose value is the Kafka key."""
    heartbeats: bool = True
    run: str = ""
    key_file: Path | None = None
    strict: bool = False
    dry_run: bool = False
    show: int = 0
    """Events to hand to `shown`."""


@dataclass(slots=True)
class Summary:
    """What a replay did. Times are as sent; `seconds` is how long it took."""

    rows: int = 0
    events: int = 0
    """Rows that became events. `sent` adds the heartbeats and is 0 in a dry run."""
    sent: int = 0
    heartbeats: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    first_refused: dict[str, int] = field(default_factory=dict)
    """The first row of each reason, from 1."""
    unlisted: dict[str, dict[str, int]] = field(default_factory=dict)
    """Values without an entry in `values`, by field."""
    first_ts: str | None = None
    last_ts: str | None = None
    seconds: float = 0.0
    interrupted: bool = False
    dry_run: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """Time and where to wait; tests bring their own."""

    clock: Clock = wall_clock
    timer: Timer = monotonic
    wait: Callable[[float], None] = time.sleep
    shown: Callable[[str], None] = lambda line: None
