"""`make bench-page`: seconds from the onset of a refusal spike to its page, and to the end of it; QUICK=1: two rounds.

Everything is real but the service that is paged: a broker, a worker with its store, Prometheus and Alertmanager with
the shipped rules and routes, and a receiver in PagerDuty's place. Each round is an incident of its own on a feature of
its own, at a random moment. All rounds are watched three times at once: with the intervals of the shipped files, with
scrapes and evaluations every 15 seconds, as many teams have them, and with those of `vigil demo`, which looks every
second. A full run also lets a quiet day go by (`benchmarks/quiet_day.py`).
"""

import asyncio
import json
import re
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import run
from typing import Any

import yaml

from benchmarks.common import PYTHON, about, finish, guarded, is_quick, say, workspace
from benchmarks.page_rounds import Incident, Way, described, first_after
from benchmarks.page_world import FACTOR, RATE, Order, features, onsets, written
from monitor.alerting import IMMEDIATE, SHIPPED, Alerting, Intervals, start_alerting
from monitor.clock import monotonic, now
from monitor.demo.cast import Cast
from monitor.errors import UserError
from monitor.leash import start
from monitor.pagerduty import ENQUEUE, Page, Receiver
from monitor.settings import Settings, environment
from monitor.store.endpoint import open_reader
from monitor.windows import window_start

ALERT, KPI = "VigilRefusalSpike", "refusal_rate"
GOAL = 30.0
"""Seconds to the page, in the median."""
LOOK_EVERY = 0.2
_WAYS: dict[str, Intervals | None] = {
    "shipped": None,
    "every_fifteen_seconds": Intervals("15s", "15s", "10s", "1m"),
    "every_second": IMMEDIATE,
}
_OPEN = re.compile(rf'^vigil_incident_open{{direction="up",feature="([^"]+)",kpi="{KPI}"}} 1\.0$', re.M)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; times in seconds, hours as they are called."""

    rounds: int
    hours: int
    first: float
    """From the start of the traffic to the first onset: the worker must score by then."""
    spread: float
    lasts: float
    patience: float
    """After the end of the last incident, for the pages that end."""


FULL = Plan(rounds=10, hours=12, first=180.0, spread=90.0, lasts=100.0, patience=240.0)
QUICK = Plan(rounds=2, hours=3, first=60.0, spread=20.0, lasts=75.0, patience=180.0)


@dataclass(slots=True)
class Watch:
    """One Prometheus with its Alertmanager and its receiver, and the pages that came."""

    alerting: Alerting
    receiver: Receiver

    def mine(self, action: str) -> dict[str, float]:
        """Feature to the first moment, in Unix seconds, at which its page of this kind came."""
        found: dict[str, float] = {}
        for page in self.receiver.pages:
            if page.action == action and page.details.get("alert", ALERT) == ALERT and page.kpi == KPI:
                found.setdefault(page.component, page.received_at.timestamp())
        return found

    def others(self) -> list[str]:
        """What else paged."""
        return sorted({_named(page) for page in self.receiver.pages if (page.kpi, _alert(page)) != (KPI, ALERT)})

    def fired(self) -> dict[str, list[float]]:
        """Feature to the moments of evaluations at which the alert was firing."""
        asked = urllib.parse.urlencode({"query": f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}[1h]'})
        found: defaultdict[str, list[float]] = defaultdict(list)
        for series in _json(f"{self.alerting.prometheus_url}/api/v1/query?{asked}")["data"]["result"]:
            found[series["metric"]["feature"]] += [float(at) for at, _ in series["values"]]
        return found


@dataclass(slots=True)
class World:
    """What runs, and when the worker was first seen to show each incident."""

    cast: Cast
    order: Order
    watches: dict[str, Watch] = field(default_factory=dict)
    shown: dict[str, float] = field(default_factory=dict)
    longest_look: float = 0.0

    def look(self) -> None:
        """Ask the worker which incidents are open."""
        asked = monotonic()
        text = _text(f"http://127.0.0.1:{self.cast.metrics_port}/metrics")
        for feature in _OPEN.findall(text):
            self.shown.setdefault(feature, now().timestamp())
        self.longest_look = max(self.longest_look, monotonic() - asked)

    def done(self) -> bool:
        """Whether every page has come and ended, on every way."""
        return all(len(watch.mine("resolve")) == self.order.rounds for watch in self.watches.values())


def main() -> None:
    """Measure, and print one JSON object last. Raises UserError when a run fails."""
    quick = is_quick(environment())
    with workspace() as folder:
        found = asyncio.run(_measured(QUICK if quick else FULL, folder))
    if not quick:
        found |= {"quiet_day": _quiet_day()}
    finish("page", found | about(quick), quick)


async def _measured(plan: Plan, folder: Path) -> dict[str, Any]:
    cast = Cast(folder)
    receivers = {name: Receiver() for name in _WAYS}
    watches: list[Watch] = []
    try:
        await asyncio.to_thread(cast.start_broker)
        order = await asyncio.to_thread(_begin, plan, cast)
        world = World(cast, order)
        for name, receiver in receivers.items():
            url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
            targets = [f"127.0.0.1:{cast.metrics_port}"]
            alerting = await asyncio.to_thread(start_alerting, folder / name, targets, url, _WAYS[name])
            watches.append(Watch(alerting, receiver))
            world.watches[name] = watches[-1]
        await asyncio.to_thread(_until_warm, world)
        await _watched(world, plan)
        return await asyncio.to_thread(_result, world)
    finally:
        for watch in watches:
            await asyncio.to_thread(watch.alerting.stop)
        for receiver in receivers.values():
            await receiver.stop()
        await asyncio.to_thread(cast.stop)


def _begin(plan: Plan, cast: Cast) -> Order:
    """The past, then traffic that goes on where it ends, then the worker."""
    seconds = plan.first + plan.spread + plan.lasts + plan.patience
    seed = int(now().timestamp())
    order = Order(
        cast.broker, cast.dsn, plan.rounds, seed, plan.hours, float(window_start(now().timestamp())), seconds,
        plan.first, plan.spread, plan.lasts,
    )  # fmt: skip
    say(f"{plan.hours} hours of history of {plan.rounds} features")
    path = written(order, cast.folder / "order.json")
    world = [PYTHON, "-m", "benchmarks.page_world"]
    if run([*world, "history", str(path)], check=False).returncode != 0:
        raise UserError("the history could not be loaded; the lines above say why")
    cast.children.append(start("traffic", [*world, "traffic", str(path)], cast.folder / "traffic.log"))
    cast.start_worker()
    return order


def _until_warm(world: World) -> None:
    """Wait until every feature is scored by a baseline. Raises UserError when the first incident begins before."""
    order = world.order
    client = open_reader(world.cast.dsn)
    query = f"SELECT uniqExact(feature) FROM scores WHERE kpi = '{KPI}' AND state = 'OK'"  # noqa: S608  # ours
    try:
        while int(client.query(query).result_rows[0][0]) < order.rounds:
            if now().timestamp() > order.start + min(onsets(order)):
                raise UserError("the worker was not warm when the first incident began; this machine is too slow")
            time.sleep(1.0)
    finally:
        client.close()
    say(f"scoring is warm {now().timestamp() - order.start:.0f} s after the start of the traffic")


async def _watched(world: World, plan: Plan) -> None:
    """Look until every page has ended, or patience has."""
    order, told = world.order, 0
    until = order.start + max(onsets(order)) + plan.lasts + plan.patience
    while now().timestamp() < until and not world.done():
        if (dead := world.cast.dead()) is not None:
            raise UserError(dead)
        await asyncio.to_thread(world.look)
        count = {name: (len(one.mine("trigger")), len(one.mine("resolve"))) for name, one in world.watches.items()}
        if sum(map(sum, count.values())) > told:
            told = sum(map(sum, count.values()))
            said = ", ".join(f"{name} {begun} begun {ended} ended" for name, (begun, ended) in count.items())
            say(f"  {now().timestamp() - order.start:4.0f} s: of {order.rounds} pages {said}")
        await asyncio.sleep(LOOK_EVERY)


def _result(world: World) -> dict[str, Any]:
    order, grace = world.order, float(Settings.model_fields["grace"].default)
    decided = _decided(world)
    incidents = []
    for profile, onset in zip(features(order.rounds), onsets(order), strict=True):
        begins = order.start + onset
        found = first_after(decided.get(profile.name, ()), begins)
        incidents.append(Incident(profile.name, begins, begins + order.lasts, found, world.shown.get(profile.name)))
    ways = {name: _way(watch, incidents) for name, watch in world.watches.items()}
    figures = {name: described(incidents, way, grace) | _circumstances(name, world) for name, way in ways.items()}
    shipped = figures.pop("shipped")
    return {
        **shipped,
        "goal_seconds_to_page_median": GOAL,
        **figures,
        "rate_per_s": RATE,
        "factor": FACTOR,
        "history_hours": order.hours,
        "look_every_s": LOOK_EVERY,
        "longest_look_s": round(world.longest_look, 2),
    }


def _circumstances(name: str, world: World) -> dict[str, Any]:
    """What else came over this way, and how often it looks."""
    return {"other_pages": world.watches[name].others(), "intervals": asdict(_WAYS[name] or shipped_intervals())}


def _way(watch: Watch, incidents: list[Incident]) -> dict[str, Way]:
    fired, begun, ended = watch.fired(), watch.mine("trigger"), watch.mine("resolve")
    return {
        one.feature: Way(
            first_after(fired.get(one.feature, ()), one.onset), begun.get(one.feature), ended.get(one.feature)
        )
        for one in incidents
    }


def _decided(world: World) -> Mapping[str, list[float]]:
    """Feature to the ends of the windows in which the detector opened an incident, in Unix seconds."""
    client = open_reader(world.cast.dsn)
    query = (
        "SELECT toString(feature), toUnixTimestamp(detected_at) FROM incidents FINAL "  # noqa: S608  # words of ours
        f"WHERE kpi = '{KPI}' AND direction = 'up'"
    )
    found: defaultdict[str, list[float]] = defaultdict(list)
    try:
        for feature, at in client.query(query).result_rows:
            found[feature].append(float(at))
    finally:
        client.close()
    return found


def shipped_intervals() -> Intervals:
    """Those of the files in alerts/."""
    prometheus = yaml.safe_load((SHIPPED / "prometheus" / "prometheus.yaml").read_text())["global"]
    route = yaml.safe_load((SHIPPED / "alertmanager" / "alertmanager.yaml").read_text())["route"]
    return Intervals(
        prometheus["scrape_interval"], prometheus["evaluation_interval"], route["group_wait"], route["group_interval"]
    )


def _quiet_day() -> dict[str, Any]:
    """A simulated day without an incident; its own last line."""
    say("a quiet day")
    done = run([PYTHON, "-m", "benchmarks.quiet_day", "--hours", "24"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"the quiet day ended early: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _alert(page: Page) -> str:
    return page.details.get("alert", ALERT if page.kpi == KPI else "")


def _named(page: Page) -> str:
    return f"{_alert(page)} {page.component} {page.kpi}".strip()


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10.0) as answer:  # noqa: S310  # loopback
        text: str = answer.read().decode()
    return text


def _json(url: str) -> Any:
    return json.loads(_text(url))


if __name__ == "__main__":
    raise SystemExit(guarded(main))
