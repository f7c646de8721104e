"""`make bench-latency`: from an event's own time to the counter and to its scored window, under load; QUICK=1: 50 %.

A producer in a process of its own keeps a pace; a worker and a store in another process are asked ten
times a second. What one worker can do is measured first: how fast it is while the producer keeps a little
ahead of it, hence goes at the same speed on the same machine. ARGS=--kafka takes Apache Kafka in the place of Tansu.
"""

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.brokers import apache, tansu
from benchmarks.common import about, finish, guarded, is_quick, say, workspace
from benchmarks.delays import (
    Delays,
    Look,
    Tick,
    closed_delays,
    counter_delays,
    delays_of_windows,
    in_whole_windows,
    quantile,
    rate,
    sent_by,
    unseen,
)
from benchmarks.pace import Order, finished, send
from benchmarks.system import System, samples, system
from monitor.clock import monotonic, now
from monitor.errors import UserError
from monitor.leash import Child
from monitor.producing import ensure_topics
from monitor.settings import environment
from schemas.topics import OTLP_TOPIC, TOPICS

PARTITIONS, FEATURES = 4, 8
LOOK_EVERY = 0.1
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; times in seconds."""

    loads: tuple[int, ...]
    """In percent of what a worker can do."""
    seconds: float
    """Of each load."""
    tail: float
    """For so long traffic goes on after what is measured, so that its last window closes as all others do."""
    backlog: int
    """Events in the topic before the worker starts."""
    lead: int
    """Events that the producer stays ahead of a saturated worker."""
    saturated: float
    """For so long the worker is kept busy to see what it can do; the first third does not count, for a store's merges
    begin later than its inserts."""


FULL = Plan((10, 50, 90), 100.0, 20.0, 300_000, 100_000, 90.0)
QUICK = Plan((50,), 19.0, 7.0, 80_000, 40_000, 2.0)


@dataclass(slots=True)
class Bench:
    """A worker under watch, and what has been sent to it."""

    broker: str
    watched: System
    folder: Path
    sent: tuple[int, ...] = (0,) * PARTITIONS
    took: float = 0.0
    """Seconds of the longest look: beside LOOK_EVERY, the error of every delay."""

    def look(self) -> Look:
        """One look at the worker's metrics."""
        asked = monotonic()
        text = self.watched.metrics()
        at = now().timestamp()
        self.took = max(self.took, monotonic() - asked)
        [until] = samples(text, "vigil_scored_until_timestamp_seconds").values()
        return Look(at, by_partition(samples(text, "vigil_interactions_total")), until)

    def order(self, **how: Any) -> Order:
        """An order for a producer."""
        salt = secrets.token_hex(4)
        return Order(self.broker, PARTITIONS, FEATURES, salt, str(self.folder / f"sent-{salt}"), **how)

    def looks(self, child: Child) -> list[Look]:
        """Look until a producer has ended."""
        found, begin = [self.look()], monotonic()
        while child.alive():
            time.sleep(LOOK_EVERY - (monotonic() - begin) % LOOK_EVERY)
            found.append(self.look())
        return found

    def drain(self) -> None:
        """Wait until all that was sent is counted. Raises UserError when it is not in two minutes."""
        give_up = monotonic() + _PATIENCE
        while self.look().counts != self.sent:
            if monotonic() > give_up:
                raise UserError(f"the worker did not count all that was sent in {_PATIENCE:.0f} s")
            time.sleep(0.2)


def by_partition(counted: dict[str, float]) -> tuple[int, ...]:
    """Interactions of each partition, from those of each feature: feature n is in partition n modulo the partitions."""
    counts = [0] * PARTITIONS
    for label, count in counted.items():
        counts[int(label.rpartition("-")[2].strip('"')) % PARTITIONS] += int(count)
    return tuple(counts)


def main() -> None:
    """Measure, and print one JSON object last. Raises UserError when a run fails."""
    quick = is_quick(environment())
    plan = QUICK if quick else FULL
    real = "--kafka" in sys.argv[1:]
    with workspace() as folder, _broker(folder, real) as broker:
        ensure_topics(broker, (*TOPICS, OTLP_TOPIC), PARTITIONS)
        backlog = Order(broker, PARTITIONS, FEATURES, "00000000", str(folder / "backlog"), events=plan.backlog)
        ticks = finished(send(backlog), backlog, _PATIENCE)
        with system(broker, folder / "run", embedded=False) as watched:
            bench = Bench(broker, watched, folder, _added((0,) * PARTITIONS, ticks))
            saturation = _saturation(bench, plan)
            say(f"saturation: {saturation['per_wall_s']:,.0f} events per second")
            levels = {str(load): _level(bench, load, saturation["per_wall_s"], plan) for load in plan.loads}
    resolution = {"scrape_interval_s": LOOK_EVERY, "longest_scrape_s": round(bench.took, 3)}
    result = {**levels, "saturation": saturation, **resolution, "broker": "kafka" if real else "tansu"}
    finish("latency", result | about(quick), quick)


@contextmanager
def _broker(folder: Path, real: bool) -> Iterator[str]:
    if real:
        with apache(folder) as kafka:
            yield kafka.address
    else:
        with tansu(folder) as address:
            yield address


def _saturation(bench: Bench, plan: Plan) -> dict[str, Any]:
    """Events per second of the wall that a worker keeps up beside a producer as fast as it is."""
    give_up = monotonic() + _PATIENCE
    while not sum(bench.look().counts):
        bench.watched.check_alive()
        if monotonic() > give_up:
            raise UserError(f"the worker counted nothing in {_PATIENCE:.0f} s")
        time.sleep(LOOK_EVERY)
    kept_ahead = {"metrics_url": bench.watched.metrics_url, "lead": plan.lead, "before": sum(bench.sent)}
    order = bench.order(seconds=plan.saturated, **kept_ahead)
    child = send(order)
    looks = bench.looks(child)
    ticks = finished(child, order, _PATIENCE)
    settled = ticks[0].made + plan.saturated / 3
    beside = [look for look in looks if settled <= look.at <= ticks[-1].made]
    left = sum(bench.sent) + sent_by(ticks, beside[-1].at) - sum(beside[-1].counts)
    bench.sent = _added(bench.sent, ticks)
    return {"per_wall_s": round(rate(beside)), "backlog_at_end": left}


def _level(bench: Bench, load: int, saturation: float, plan: Plan) -> dict[str, Any]:
    """The delays at one load."""
    wanted = saturation * load / 100
    bench.drain()  # of the level before
    say(f"{load} %: {wanted:,.0f} events per second for {plan.seconds:.0f} s")
    order = bench.order(rate=wanted, seconds=plan.seconds + plan.tail)
    child = send(order)
    looks = bench.looks(child)
    ticks = finished(child, order, _PATIENCE)
    looks.append(bench.look())
    before, bench.sent = bench.sent, _added(bench.sent, ticks)
    return described(ticks, looks, before, wanted, plan.seconds)


def described(
    ticks: Sequence[Tick], looks: Sequence[Look], before: tuple[int, ...], wanted: float, seconds: float
) -> dict[str, Any]:
    """A level's delays in seconds. `wanted` is the rate it should have had, in events per second."""
    until = ticks[0].made + seconds
    sent, whole = [tick for tick in ticks if tick.made <= until], in_whole_windows(ticks, until)
    counter, closed, windows = counter_delays(sent, looks, before), closed_delays(whole, looks), delays_of_windows
    ends = windows(whole, looks)
    acks: Delays = [(tick.acked - tick.made, sum(tick.counts)) for tick in sent]
    named = {"counter": counter, "closed": closed, "closed_after_end": ends, "acked": acks}
    events = sum(n for _, n in counter)
    return {
        **{f"{name}_p{share}_s": _rounded(quantile(found, share / 100)) for name, found in named.items()
           for share in (50, 99)},
        "closed_after_end_max_s": _rounded(quantile(ends, 1.0)),
        "per_s": round(events / seconds),
        "wanted_per_s": round(wanted),
        "events": events,
        "windows": len(ends),
        "never_counted": unseen(counter),
        "never_closed": unseen(closed),
        "scrapes_apart_p50_s": _rounded(quantile([(b.at - a.at, 1) for a, b in pairwise(looks)], 0.5)),
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _added(before: tuple[int, ...], ticks: Sequence[Tick]) -> tuple[int, ...]:
    return tuple(a + sum(tick.counts[i] for tick in ticks) for i, a in enumerate(before))


if __name__ == "__main__":
    raise SystemExit(guarded(main))
