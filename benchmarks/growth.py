"""`make bench-growth`: what one event costs as messages, features, partitions and batches grow; QUICK=1: a few points.

Each point is a new broker, store and worker, and all but one of the four are as in the base.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.common import about, finish, guarded, is_quick, say, workspace
from benchmarks.endtoend import Run, run
from benchmarks.throughput import filled, records
from monitor.settings import environment

_EVENTS, _QUICK_EVENTS = 200_000, 25_000


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of everything that can grow. `batch_bytes` is the size of a record batch in Kafka."""

    size: str = "0.6 kB"
    features: int = 50
    partitions: int = 4
    batch_bytes: int = 256 * 1024


BASE = Point()
SERIES: dict[str, tuple[Any, ...]] = {
    "size": ("0.3 kB", "0.6 kB", "2 kB"),
    "features": (10, 1000, 10_000, 100_000),
    "partitions": (1, 4, 16, 64),
    "batch_bytes": (16 * 1024, 256 * 1024, 1024 * 1024),
}
QUICK_SERIES: dict[str, tuple[Any, ...]] = {"size": ("0.6 kB",), "features": (10_000,)}


def main() -> None:
    """Measure each point once, and print one JSON object last. Raises UserError when a run fails."""
    quick = is_quick(environment())
    count = _QUICK_EVENTS if quick else _EVENTS
    known: dict[Point, dict[str, float]] = {}
    table: dict[str, list[dict[str, Any]]] = {}
    with workspace() as folder:
        for name, values in (QUICK_SERIES if quick else SERIES).items():
            table[name] = []
            for value in values:
                point = replace(BASE, **{name: value})
                if point not in known:  # the base stands in every series
                    say(f"{name} {value}: {count:,} events")
                    known[point] = described(_measure(point, count, folder / str(len(known))))
                table[name].append({name: value, **known[point]})
    finish("growth", {"events": count, "rounds": 1, **table, **about(quick)}, quick)


def _measure(point: Point, count: int, folder: Path) -> Run:
    folder.mkdir()
    events = records(count, size=point.size, features=point.features)
    with filled(events, point.partitions, folder, point.batch_bytes) as broker:
        return run(broker, count, folder / "run", embedded=False)


def described(one: Run) -> dict[str, float]:
    """What a point shows: events per CPU second of the worker and by the wall, the store's share, cells per event."""
    return {
        "per_cpu_s": round(one.per_cpu_s),
        "per_wall_s": round(one.records / one.wall_s),
        "store_cpu_share": round(one.store_share, 3),
        "cells_per_event": round(one.cells_per_event, 3),
    }


if __name__ == "__main__":
    raise SystemExit(guarded(main))
