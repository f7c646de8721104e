"""A simulated day, as fast as the machine can: does anything page? `python -m benchmarks.quiet_day --hours 24`.

The simulator's six features, with their day and their bursts, go through the real intake, store and scorer; then
promtool evaluates the shipped rules over what /metrics said every thirty seconds. `--restart` kills the worker and
starts it again, `--spike` makes one feature refuse four times as often. One JSON object is the last line.
"""

import argparse
import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from subprocess import run
from typing import Any

from benchmarks.common import guarded, say, workspace
from benchmarks.quiet_rules import Fired, Recording, fired, series_of_rules, suite
from benchmarks.quiet_world import Life, Log, Time, flowing, remember
from detectors.warmup import warm_up
from monitor.alerting import SHIPPED
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.heap import look_for_cycles
from monitor.settings import load
from monitor.simulator.plan import Plan
from monitor.simulator.scenarios import RefusalSpike
from monitor.simulator.traffic import Traffic
from monitor.store.client import connect

START = datetime(2035, 1, 17, tzinfo=UTC)
"""A Wednesday, always the same; the store forgets what is older than 400 days, so it lies ahead."""
EVERY = 30
"""Seconds between two scrapes. The shipped prometheus.yaml looks every 5 s, which would take six times as long."""
FEATURE, FACTOR, LASTS = "support-chat", 4.0, 600.0
AWAY = 2
"""Scrapes that the worker misses when it is restarted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch of time. Hours; None where it does not happen."""

    hours: float
    rate: float
    seed: int
    past: int
    restart: float | None
    spike: float | None


def main() -> None:
    """Live through it, and print one JSON object last. Raises UserError without promtool."""
    if shutil.which("promtool") is None:
        raise UserError("promtool is missing: apt-get install prometheus")
    asked = _asked()
    with workspace() as folder:
        print(json.dumps(lived(asked, folder)), flush=True)


def lived(asked: Asked, folder: Path) -> dict[str, Any]:
    """The whole of it: what fired until the spike, and what fired until the end."""
    warm_up()
    plan = _plan(asked)
    store = f"chdb://{folder / 'store'}"
    client = connect(store)
    remember(client, plan, asked.past)
    say(f"{asked.past} hours of history are stored")
    began = monotonic()
    recording, records = asyncio.run(_live(asked, plan, store))
    alive = monotonic() - began
    end = round(asked.hours * 3600)
    moments = sorted({end if asked.spike is None else round(asked.spike * 3600), end})
    found = _evaluated(recording, moments, folder)
    seconds = monotonic() - began
    user, system, theirs_user, theirs_system, _ = os.times()
    return {
        "hours": asked.hours,
        "features": len(plan.profiles),
        "interactions_per_s": asked.rate,
        "records": records,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(user + system + theirs_user + theirs_system, 1),
        "seconds_in_promtool": round(seconds - alive, 1),
        "times_faster": round(asked.hours * 3600 / seconds, 1),
        "series": len(recording.series),
        "scrapes": recording.scrapes,
        "quiet": _told(found[moments[0]]),
        "whole": _told(found[end]),
        "incidents": _incidents(store),
    }


def _plan(asked: Asked) -> Plan:
    spike = None if asked.spike is None else RefusalSpike(FEATURE, asked.spike * 3600, LASTS, FACTOR)
    return Plan(START, asked.seed, asked.hours * 3600, Traffic(asked.rate), scenario=spike)


async def _live(asked: Asked, plan: Plan, store: str) -> tuple[Recording, int]:
    time, log = Time(plan.start.timestamp()), Log(plan.start.timestamp())
    names = series_of_rules(path.read_text() for path in (SHIPPED / "rules").glob("*.yaml"))
    recording = Recording(time.moment, EVERY)
    settings = load({"VIGIL_PARTITIONS": "4"})
    life = Life(store, time, log, settings)
    await life.start()
    look_for_cycles()
    flow, count, steps = flowing(plan), 0, round(asked.hours * 3600 / EVERY)
    dies = None if asked.restart is None else round(asked.restart * 3600 / EVERY)
    recording.add(life.shown(names))
    for number in range(1, steps + 1):
        for record in (one for second in islice(flow, EVERY) for one in second):
            log.append(record)
            count += 1
        time.moment += EVERY
        if number == dies:
            life.end()
        if dies is not None and dies <= number < dies + AWAY:
            recording.add({})
            continue
        if dies is not None and number == dies + AWAY:
            life = Life(store, time, log, settings)
            await life.start()
        await life.step()
        recording.add(life.shown(names))
        if number % (3600 // EVERY) == 0:
            say(f"  hour {number * EVERY // 3600}: {count:,} records")
    life.end()
    return recording, count


def _evaluated(recording: Recording, moments: list[int], folder: Path) -> dict[int, list[Fired]]:
    rules = sorted(str(path) for path in (SHIPPED / "rules").glob("*.yaml"))
    path = folder / "day.yaml"
    path.write_text(suite(recording, rules, moments))
    done = run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)  # noqa: S607
    try:
        return fired(done.stdout + done.stderr, moments)
    except ValueError as error:
        raise UserError(str(error)) from error


def _told(found: list[Fired]) -> dict[str, Any]:
    """What would have woken somebody, what would have been a ticket, and how long."""
    kinds = {"pages": "critical", "tickets": "warning", "always": "none"}
    known = {name: {one.name: one.evaluations for one in found if one.severity == kind} for name, kind in kinds.items()}
    rest = {one.name: one.evaluations for one in found if one.severity not in kinds.values()}
    return known | {"pages": known["pages"] | rest}  # a severity nobody planned for wakes somebody


def _incidents(store: str) -> list[str]:
    columns = "feature, kpi, direction, toString(severity), toUnixTimestamp(onset)"
    rows = connect(store).query(f"SELECT {columns} FROM incidents FINAL ORDER BY onset").result_rows  # noqa: S608
    return [f"{' '.join(map(str, row[:4]))} at hour {(row[4] - START.timestamp()) / 3600:.2f}" for row in rows]


def _asked() -> Asked:
    parser = argparse.ArgumentParser(prog="quiet_day", description="A simulated stretch of time, and what fired in it.")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=20.0, help="interactions per second, over all features")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--past", type=int, default=48, help="hours of history before it")
    parser.add_argument("--restart", type=float, help="hour at which the worker is killed")
    parser.add_argument("--spike", type=float, help="hour at which a feature begins to refuse too much")
    return Asked(**vars(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(guarded(main))
