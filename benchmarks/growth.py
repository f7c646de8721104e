"""`make bench-growth`: what one event costs as messages, features, partitions, batches and slices grow; QUICK=1: a few.

Each point is a new broker, store and worker, and all but one of its settings are as in the base. Every
round visits the points in another order.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.attack import attack, harmless
from benchmarks.attack import described as attack_described
from benchmarks.common import about, finish, guarded, is_quick, say, spread, workspace
from benchmarks.endtoend import Run, run
from benchmarks.throughput import filled, records
from monitor.settings import environment


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of everything that can grow."""

    size: str = "0.6 kB"
    features: int = 50
    partitions: int = 4
    batch_bytes: int = 256 * 1024
    """The size of a record batch in Kafka."""
    dimensions: int | None = None
    """How many dimensions take one of 16 values anew in each event; None: they repeat, as in production."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    events: int
    rounds: int
    series: Mapping[str, tuple[Any, ...]]
    attacks: tuple[int, ...]
    """Events of each attack, every one of a new feature; each twice as long as the one before."""
    rest: float
    """Seconds that a worker has after an attack to score it."""


BASE = Point()
FULL = Plan(
    200_000,
    3,
    {
        "size": ("0.3 kB", "0.6 kB", "2 kB"),
        "features": (10, 50, 1000, 10_000, 100_000),
        "partitions": (1, 4, 16, 64),
        "batch_bytes": (16 * 1024, 256 * 1024, 1024 * 1024),
        "dimensions": (1, 4, 8),
    },
    (25_000, 50_000, 100_000),
    120.0,
)
QUICK = Plan(25_000, 1, {"features": (10_000,), "dimensions": (8,)}, (10_000,), 0.0)


def main() -> None:
    """Measure each point, and print one JSON object last. Raises UserError when a run fails."""
    quick = is_quick(environment())
    plan = QUICK if quick else FULL
    points = points_of(plan.series)
    runs: dict[Point, list[Run]] = defaultdict(list)
    with workspace() as folder:
        for turn in range(plan.rounds):
            for number in range(len(points)):
                point = points[(number + turn * (len(points) // plan.rounds)) % len(points)]
                say(f"round {turn + 1} of {plan.rounds}: {point}")
                runs[point].append(_measure(point, plan.events, folder / f"{turn}-{number}"))
        attacks = [attack_described(attack(n, folder / f"attack-{n}", plan.rest)) for n in plan.attacks]
    table = {
        name: [{name: value, **described(runs[replace(BASE, **{name: value})])} for value in values]
        for name, values in plan.series.items()
    }
    named = {"cardinality_attack": attacks, "cardinality_attack_harmless": harmless(attacks)}
    finish("growth", {"events": plan.events, "rounds": plan.rounds, **table, **named, **about(quick)}, quick)


def points_of(series: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every point once; the base stands in several series."""
    return list(dict.fromkeys(replace(BASE, **{name: value}) for name, values in series.items() for value in values))


def _measure(point: Point, count: int, folder: Path) -> Run:
    folder.mkdir()
    events = records(count, size=point.size, features=point.features, varied=point.dimensions)
    with filled(events, point.partitions, folder, point.batch_bytes) as broker:
        return run(broker, count, folder / "run", embedded=False)


def described(runs: Sequence[Run]) -> dict[str, float]:
    """What a point shows, medians of its rounds, and of the first also the ends.

    Events per CPU second of the worker and by the wall, the store's share of CPU, cells per event, and the
    most memory the worker held, in MB. Raises ValueError for no rounds.
    """
    rates = spread([one.per_cpu_s for one in runs])
    if rates is None:
        raise ValueError("a point needs a round")
    return {
        "per_cpu_s": round(rates.median),
        "per_cpu_s_low": round(rates.low),
        "per_cpu_s_high": round(rates.high),
        "per_wall_s": round(median([one.records / one.wall_s for one in runs])),
        "store_cpu_share": round(median([one.store_share for one in runs]), 3),
        "cells_per_event": round(median([one.cells_per_event for one in runs]), 3),
        "worker_peak_mb": round(median([one.worker_peak_mb for one in runs])),
    }


if __name__ == "__main__":
    raise SystemExit(guarded(main))
