"""The work every engine does, and how it measures itself: decode, check required keys, count per feature per 10 s.

Standard library only: it runs in two environments. CPU is that of the whole process, all threads, from the
moment of subscription (nothing is fetched yet, everything is imported) to the last record. Not from the first
record: librdkafka has fetched up to 64 MB before it shows one.
"""

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from operator import itemgetter
from typing import Any

REQUIRED = ("ts", "feature", "kind", "event_id", "emitter", "model", "trace_id", "finish_reason", "latency_ms")
"""Keys an event must have. `ts` and `feature` come first: the others are only checked."""
WINDOW_DIGITS = 18
"""Characters of an RFC 3339 time that name its 10 s window: all but the last digit of the seconds."""

_required = itemgetter(*REQUIRED)


def key_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """Feature and window of a decoded event. Raises KeyError for a key that is missing."""
    fields = _required(event)
    return fields[1], fields[0][:WINDOW_DIGITS]


def digest(counts: Mapping[tuple[str, str], int]) -> str:
    """A short name for the counts: engines that did the same work have the same one."""
    text = json.dumps(sorted([*key, count] for key, count in counts.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Meter:
    """Counts, and ends the process with a report when `total` records are counted."""

    engine: str
    total: int
    packages: tuple[str, ...]
    counts: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    seen: int = 0
    cpu: float = 0.0
    wall: float = 0.0

    def start(self) -> None:
        """Note the moment of subscription."""
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def take(self, values: Iterable[bytes], loads: Callable[[bytes], Any]) -> None:
        """Do the work on some records."""
        counts, before = self.counts, self.seen
        count = 0
        for value in values:
            counts[key_of(loads(value))] += 1
            count += 1
        self.seen = before + count
        if self.seen >= self.total:
            self.finish()

    def finish(self) -> None:
        """Print one JSON object and end: the engines' own shutdowns are not what is measured."""
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        report = {
            "engine": self.engine,
            "records": self.seen,
            "cpu_s": cpu,
            "wall_s": wall,
            "digest": digest(self.counts),
            "versions": {name: version(name) for name in self.packages},
        }
        print(json.dumps(report), flush=True)
        os._exit(0)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Where to read, and how much."""

    broker: str
    topic: str
    partitions: int
    total: int
    group: str


def arguments() -> Arguments:
    """BROKER TOPIC PARTITIONS TOTAL GROUP, from the command line."""
    broker, topic, partitions, total, group = sys.argv[1:]
    return Arguments(broker, topic, int(partitions), int(total), group)
