"""`make bench-soak`: a worker at full speed for half an hour; does its memory grow, is its count exact? QUICK=1: 16 s.

A producer in a process of its own keeps the topic a little ahead of the worker. Apache Kafka drops what
is older than a quarter of a gigabyte in each partition, which is far behind the worker.

Memory is called flat when growth is not shown and large growth is excluded: the 95 % confidence interval
of its slope includes zero, or the slope is under 1 % an hour; and the upper end of that interval is under
5 % an hour. The slope is fitted to the means of whole minutes after the warm-up, because samples that are
seconds apart repeat each other and would make the interval too narrow. A worker takes and gives back a third of its
memory within seconds; four samples a second make a minute's mean good to a hundredth.
"""

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median
from typing import Any, cast

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from scipy.stats import linregress
from scipy.stats import t as student

from benchmarks.brokers import apache
from benchmarks.common import about, finish, guarded, is_quick, say, workspace
from benchmarks.delays import sent_by
from benchmarks.memory import peak_mb, resident_mb
from benchmarks.pace import Order, finished, send
from benchmarks.system import System, system
from monitor.clock import monotonic, now
from monitor.errors import UserError
from monitor.leash import Child
from monitor.producing import ensure_topics
from monitor.settings import environment
from schemas.topics import OTLP_TOPIC, TELEMETRY_TOPIC, TOPICS

PARTITIONS, FEATURES = 4, 50
LEAD = 200_000
"""Events that the producer stays ahead of the worker: 120 MB, and retention keeps a gigabyte."""
_RETENTION = {"retention.bytes": str(256 * 2**20), "segment.bytes": str(64 * 2**20)}
_LOOK_FOR_OLD = "\nlog.retention.check.interval.ms=5000\n"
_PATIENCE = 120.0
_COUNT_EVERY = 5.0
_COUNTED = f"""
SELECT sumIf(records, row_kind = 'range') AS records, sumIf(accepted, row_kind = 'range') AS accepted,
       sumIf(n, row_kind = 'cell') AS cells, (SELECT countIf(gap != 0) FROM offset_audit) AS gaps,
       (SELECT sum(claimed) FROM offset_audit WHERE topic = '{TELEMETRY_TOPIC.name}') AS claimed
FROM windows WHERE topic = '{TELEMETRY_TOPIC.name}'"""  # noqa: S608  # a name of ours


@dataclass(frozen=True, slots=True)
class Plan:
    """Times in seconds: of the whole, between samples, and from where to where the memory counts as warmed up."""

    seconds: float
    every: float
    warm_from: float
    warm_until: float
    end: float
    """The last so many seconds are the end."""
    block: float
    """The slope is fitted to means over so many seconds."""


FULL = Plan(1800.0, 0.25, 300.0, 600.0, 300.0, 60.0)
QUICK = Plan(16.0, 0.25, 5.0, 9.0, 4.0, 1.0)

Sample = tuple[float, float]
"""(seconds since the start, MB)."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Megabytes per hour, with its 95 % confidence interval; infinite where two points or fewer say nothing."""

    per_hour: float
    low: float
    high: float


def slope(samples: Sequence[Sample], block: float) -> Slope:
    """By least squares through the means of whole blocks of so many seconds.

    Raises ValueError for fewer than two blocks.
    """
    means = [
        (fmean(at for at, _ in group), fmean(size for _, size in group))
        for group in (list(part) for _, part in groupby(samples, key=lambda one: one[0] // block))
    ]
    if len(means) < 2:
        raise ValueError("a slope needs two blocks")
    fit = linregress([at / 3600 for at, _ in means], [size for _, size in means])
    reach = float(student.ppf(0.975, len(means) - 2) * fit.stderr) if len(means) > 2 else math.inf
    return Slope(float(fit.slope), float(fit.slope) - reach, float(fit.slope) + reach)


def is_flat(found: Slope, warm: float) -> bool:
    """Whether memory that was `warm` MB after the warm-up does not grow; see the top of this file."""
    shown = found.low > 0 and found.per_hour >= 0.01 * warm
    return not shown and found.high < 0.05 * warm


def described(samples: Sequence[Sample], plan: Plan) -> dict[str, Any]:
    """Memory after the warm-up, at the end, and its slope between. Raises ValueError for too few samples."""
    ends = samples[-1][0] - plan.end
    warm = median(size for at, size in samples if plan.warm_from <= at < plan.warm_until)
    fitted = slope([one for one in samples if one[0] >= plan.warm_from], plan.block)
    return {
        "rss_after_warm_up_mb": round(warm, 1),
        "rss_end_mb": round(median(size for at, size in samples if at >= ends), 1),
        "slope_mb_per_hour": _finite(fitted.per_hour),
        "slope_low_mb_per_hour": _finite(fitted.low),
        "slope_high_mb_per_hour": _finite(fitted.high),
        "flat": is_flat(fitted, warm),
    }


def main() -> None:
    """Soak, and print one JSON object last. Raises UserError when a process ends or the topic runs dry."""
    quick = is_quick(environment())
    plan = QUICK if quick else FULL
    with workspace() as folder, apache(folder, "" if quick else _LOOK_FOR_OLD) as kafka:
        _topics(kafka.address)
        with system(kafka.address, folder / "run", embedded=False) as watched:
            salt = secrets.token_hex(4)
            order = Order(
                kafka.address, PARTITIONS, FEATURES, salt, str(folder / "sent"), seconds=plan.seconds + 3.0,
                metrics_url=watched.metrics_url, lead=LEAD,
            )  # fmt: skip
            child = send(order)
            worker, store = _sampled(watched, child, plan)
            ticks = finished(child, order, _PATIENCE)
            sent = sum(sum(tick.counts) for tick in ticks)
            ahead = [sent_by(ticks, at) - counted for at, counted in worker.counted]
            result = {
                "minutes": round(plan.seconds / 60, 2),
                **described(worker.samples, plan),
                **{f"store_{name}": value for name, value in described(store, plan).items()},
                "worker_peak_mb": round(peak_mb(watched.worker_pid)),
                "events": sent,
                "per_wall_s": round(_rate(worker.counted)),
                "ahead_median": round(median(ahead)),
                "ahead_least": min(ahead),
                **_exact(watched, sent),
            }
    finish("soak", result | about(quick), quick)


@dataclass(slots=True)
class _Worker:
    """What was seen of it."""

    samples: list[Sample]
    counted: list[tuple[float, int]]
    """(Unix seconds, events counted by then)."""


def _sampled(watched: System, child: Child, plan: Plan) -> tuple[_Worker, list[Sample]]:
    """The worker, and the store's memory, from the first event counted on."""
    _first(watched)
    ours, store, begin, told, asked = _Worker([], []), list[Sample](), monotonic(), 0, 0.0
    while (passed := monotonic() - begin) < plan.seconds and child.alive():
        watched.check_alive()
        ours.samples.append((passed, resident_mb(watched.worker_pid)))
        store.append((passed, resident_mb(cast("int", watched.store_pid))))
        if not ours.counted or passed - asked >= _COUNT_EVERY:
            asked = passed
            ours.counted.append((now().timestamp(), watched.counted()))
        if passed // 30 > told:
            told = int(passed // 30)
            say(f"  {passed:5.0f} s: worker {ours.samples[-1][1]:.0f} MB, store {store[-1][1]:.0f} MB, "
                f"{_rate(ours.counted[-7:]):,.0f} events per second")  # fmt: skip
        time.sleep(plan.every - (monotonic() - begin) % plan.every)
    return ours, store


def _rate(counted: Sequence[tuple[float, int]]) -> float:
    (first, before), (last, after) = counted[0], counted[-1]
    return (after - before) / (last - first)


def _first(watched: System) -> None:
    give_up = monotonic() + _PATIENCE
    while not watched.counted():
        watched.check_alive()
        if monotonic() > give_up:
            raise UserError(f"the worker counted nothing in {_PATIENCE:.0f} s")
        time.sleep(0.2)


def _topics(broker: str) -> None:
    """All topics; the one that is filled keeps little."""
    admin = KafkaAdminClient(bootstrap_servers=[broker], bootstrap_timeout_ms=10_000)
    try:
        admin.create_topics([NewTopic(TELEMETRY_TOPIC.name, PARTITIONS, 1, topic_configs=_RETENTION)])
    finally:
        admin.close()
    ensure_topics(broker, (*TOPICS, OTLP_TOPIC), PARTITIONS)


def _exact(watched: System, sent: int) -> dict[str, Any]:
    """Whether the store has what was sent, each event once and no gap between offsets, as soon as it has it all."""
    give_up, found = monotonic() + _PATIENCE, dict[str, int]()
    while monotonic() < give_up and found.get("records", 0) < sent:
        time.sleep(0.5)
        [row] = watched.rows(_COUNTED)
        found = {name: int(value) for name, value in row.items()}
    wanted = {"records": sent, "accepted": sent, "cells": sent, "gaps": 0, "claimed": sent}
    return {"exact": found == wanted, "stored": found}


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


if __name__ == "__main__":
    raise SystemExit(guarded(main))
