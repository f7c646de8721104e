"""`make bench-throughput`: events per CPU second, end to end and against other engines; QUICK=1 for a check."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.common import (
    PEERS_PYTHON,
    about,
    finish,
    guarded,
    is_quick,
    ratios,
    say,
    spread,
    turned,
    versions,
    workspace,
)
from benchmarks.endtoend import Run, run
from benchmarks.equal_work import MODULES, OURS, Topic, consume, expected_digest
from benchmarks.events import Shape, make
from benchmarks.loading import load
from monitor.clock import now
from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.ports import free_port
from monitor.settings import environment
from monitor.windows import WINDOW_SECONDS, window_start

PARTITIONS = 4
_SHARE = {"faust": 10}
"""Engines that get one in so many of the records: a plain Faust would take minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. `bad` are the datasets beside the good one: one bad record in so many."""

    events: int
    rounds: int
    embedded: bool
    bad: tuple[int, ...]
    engines: tuple[str, ...]


FULL = Plan(600_000, 3, True, (1000, 10), tuple(MODULES))
QUICK = Plan(100_000, 1, False, (), (OURS, "bare", "bytewax"))


@dataclass(slots=True)
class Measured:
    """What came out, by round."""

    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    """Keys: end_to_end, embedded, bad_1000, bad_10."""
    engines: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Events per CPU second."""
    versions: dict[str, str] = field(default_factory=dict)

    def rates(self, name: str) -> list[float]:
        """Events per CPU second of the worker, by round."""
        return [one.per_cpu_s for one in self.runs[name]]


@contextmanager
def filled(records: Sequence[bytes], partitions: int, folder: Path, batch_bytes: int = 256 * 1024) -> Iterator[str]:
    """A broker that holds these records; its address."""
    port = free_port()
    broker = start_broker(port, folder / f"broker-{port}.log")
    try:
        load(f"127.0.0.1:{port}", records, partitions, batch_bytes)
        yield f"127.0.0.1:{port}"
    finally:
        broker.stop()


def main() -> None:
    """Measure, and print one JSON object last. Raises UserError when something is missing or fails."""
    quick = is_quick(environment())
    plan = QUICK if quick else FULL
    if not PEERS_PYTHON.exists():
        raise UserError("the engines to compare with are not installed; run `make bench-peers-env`")
    measured = Measured()
    with workspace() as folder:
        _end_to_end(plan, folder, measured)
        for share in sorted({_SHARE.get(engine, 1) for engine in plan.engines}):
            chosen = [engine for engine in plan.engines if _SHARE.get(engine, 1) == share]
            _equal_work(chosen, plan.events // share, plan.rounds, folder, measured)
    result = {**summary(measured), "events": plan.events, "rounds": plan.rounds, **about(quick)}
    result["versions"] |= measured.versions
    finish("throughput", result, quick)


def records(
    count: int, bad_every: int = 0, size: str = "0.6 kB", features: int = 50, varied: int | None = None
) -> list[bytes]:
    """Events whose time is recent enough, and over: nothing is late, nothing from the future."""
    begin = now() - timedelta(hours=1)
    begin -= timedelta(seconds=begin.timestamp() - window_start(begin.timestamp()))
    return make(Shape(count, begin + timedelta(seconds=WINDOW_SECONDS), features, size, bad_every, varied=varied))


def _end_to_end(plan: Plan, folder: Path, measured: Measured) -> None:
    """All rounds of a worker with its store. One broker is filled at a time: memory is shared with the engines."""
    for turn in range(plan.rounds):
        for bad in (0, *plan.bad):
            name = f"bad_{bad}" if bad else "end_to_end"
            say(f"round {turn + 1} of {plan.rounds}: {name}, {plan.events:,} events")
            with filled(records(plan.events, bad), PARTITIONS, folder) as broker:
                measured.runs[name].append(run(broker, plan.events, folder / f"{name}-{turn}", embedded=False))
                if plan.embedded and not bad:
                    say(f"round {turn + 1} of {plan.rounds}: embedded")
                    one = run(broker, plan.events, folder / f"embedded-{turn}", embedded=True)
                    measured.runs["embedded"].append(one)


def _equal_work(engines: Sequence[str], count: int, rounds: int, folder: Path, measured: Measured) -> None:
    if not engines:
        return
    events = records(count)
    with filled(events, PARTITIONS, folder) as broker:
        topic = Topic(broker, PARTITIONS, count, expected_digest(events))
        del events
        for turn in range(rounds):
            say(f"round {turn + 1} of {rounds}: equal work, {count:,} events")
            for engine in turned(engines, turn):
                report = consume(engine, topic, folder / f"{engine}.log")
                measured.engines[engine].append(report["records"] / report["cpu_s"])
                if engine != OURS:  # our side's versions are in about()
                    names = report["versions"].keys() - versions().keys()
                    measured.versions |= {name: report["versions"][name] for name in sorted(names)}


def summary(measured: Measured) -> dict[str, Any]:
    """The result's numbers: medians at the top, null for what was left out, spreads beside them."""
    whole, ours = measured.rates("end_to_end"), measured.engines[OURS]
    pairs = {
        **{f"ratio_{engine}": (ours, measured.engines[engine]) for engine in MODULES if engine != OURS},
        "bad_one_in_thousand_ratio": (measured.rates("bad_1000"), whole),
        "bad_one_in_ten_ratio": (measured.rates("bad_10"), whole),
    }
    rates = {
        "end_to_end_per_cpu_s": whole,
        "embedded_per_cpu_s": measured.rates("embedded"),
        **{f"equal_work.{engine}": measured.engines[engine] for engine in MODULES},
    }
    compared = {name: ratios(a, b) if a and b else [] for name, (a, b) in pairs.items()}
    medians = {name: _median(values, 0) for name, values in rates.items()}
    first = measured.runs["end_to_end"]
    return {
        **{name: value for name, value in medians.items() if "." not in name},
        "end_to_end_with_start_per_cpu_s": _median([one.with_start_per_cpu_s for one in first], 0),
        "end_to_end_per_wall_s": _median([one.records / one.wall_s for one in first], 0),
        "store_cpu_share": _median([one.store_share for one in first], 3),
        "cells_per_event": _median([one.cells_per_event for one in first], 3),
        "equal_work": {engine: medians[f"equal_work.{engine}"] for engine in MODULES},
        **{name: _median(values, 3) for name, values in compared.items()},
        "spreads": {**_spreads(rates, 0), **_spreads(compared, 3)},
    }


def _median(values: Sequence[float], digits: int) -> float | None:
    found = spread(values)
    return None if found is None else round(found.median, digits)


def _spreads(named: Mapping[str, Sequence[float]], digits: int) -> dict[str, dict[str, float]]:
    found = {name: spread(values) for name, values in named.items()}
    return {name: one.rounded(digits) for name, one in found.items() if one is not None}


if __name__ == "__main__":
    raise SystemExit(guarded(main))
