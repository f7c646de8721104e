"""The course of a demo: set up, traffic, an incident, a page, the count at the end."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run
from typing import Any

from clickhouse_connect.driver.client import Client

from monitor.clock import monotonic, now
from monitor.demo.cast import Cast
from monitor.demo.outcome import Counts, Outcome, read_counts, read_incidents
from monitor.errors import UserError
from monitor.pagerduty import Page, Receiver
from monitor.store.endpoint import open_reader

FEATURE = "support-chat"
FACTOR = 5.0
_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Script:
    """What is asked of a demo. `seconds` None: until Ctrl-C."""

    seconds: float | None
    inject_at: float
    rate: float
    seed: int


@dataclass(slots=True)
class Play:
    """One demo. `curtain` ends it early; `say` takes plain lines."""

    script: Script
    folder: Path
    say: Callable[[str], None]
    curtain: asyncio.Event = field(default_factory=asyncio.Event)
    _cast: Cast = field(init=False)
    _started: datetime = field(init=False)
    _pages: list[Page] = field(default_factory=list)
    _incident_seen: datetime | None = None

    def __post_init__(self) -> None:
        self._cast = Cast(self.folder)

    async def run(self) -> Outcome:
        """Play it to the end; nothing is left running, however it ends."""
        receiver = Receiver(on_page=self._paged)
        port = await receiver.start()
        try:
            await asyncio.to_thread(self._set_up, port)
            return await self._perform()
        finally:
            await receiver.stop()
            await asyncio.to_thread(self._cast.stop)

    def _set_up(self, pagerduty_port: int) -> None:
        cast = self._cast
        self.say("1. A day of history, so that scores start warm")
        self._load_history()
        self.say("2. A broker (Tansu, Kafka-compatible, in memory) and a worker (chDB in its process)")
        cast.start_broker()
        cast.start_worker()
        self.say(f"   Kafka on {cast.broker}, metrics on http://127.0.0.1:{cast.metrics_port}/metrics")
        self.say(f"   ask it anything: vigil sql --store {cast.dsn} 'TABLE current_incidents'")
        if cast.start_alerting(pagerduty_port) and cast.alerting is not None:
            self.say("3. Prometheus and Alertmanager with the shipped rules, and a local PagerDuty receiver")
            self.say(f"   {cast.alerting.prometheus_url}  {cast.alerting.alertmanager_url}")
        else:
            self.say("3. NO PAGE WILL ARRIVE: Prometheus and Alertmanager are not installed here")
            self.say("   on Debian: apt-get install prometheus prometheus-alertmanager")

    def _load_history(self) -> None:
        # In a process of its own: an embedded store belongs to one process at a time.
        script = self.script
        arguments = [self._cast.dsn, str(script.seed), str(script.rate)]
        command = [sys.executable, "-m", "monitor.demo.history", *arguments]
        if run(command, check=False, env=dict(self._cast.environment())).returncode != 0:  # noqa: S603  # our own
            raise UserError("the history could not be loaded; the lines above say why")

    async def _perform(self) -> Outcome:
        script = self.script
        self._started = now()
        simulator = self._cast.start_simulator(
            *("--rate", str(script.rate), "--seed", str(script.seed), "--scenario", "refusal_spike"),
            *("--feature", FEATURE, "--size", str(FACTOR), "--at", str(script.inject_at)),
        )
        end = "until Ctrl-C" if script.seconds is None else f"for {script.seconds:g} s"
        self.say(f"4. Traffic: {script.rate:g} interactions a second {end}")
        self.say(f"   at second {script.inject_at:g} {FEATURE} will refuse {FACTOR:g} times as often as before")
        client = await asyncio.to_thread(open_reader, self._cast.dsn, "")
        await self._watch(client)
        self.say("5. The end: traffic stops, the worker finishes what is in Kafka")
        await asyncio.to_thread(simulator.stop)
        return await self._count(client)

    async def _watch(self, client: Client) -> None:
        start, shown = monotonic(), set[tuple[str, str]]()
        injected = False
        while not self.curtain.is_set():
            elapsed = monotonic() - start
            if self.script.seconds is not None and elapsed >= self.script.seconds:
                return
            if not injected and elapsed >= self.script.inject_at:
                injected = True
                self.say(f"   {elapsed:5.1f} s  refusals of {FEATURE} rise now")
            if (problem := self._cast.dead()) is not None:
                raise UserError(problem)
            for incident in await asyncio.to_thread(read_incidents, client, self._started):
                self._tell(incident, shown, elapsed)
            await asyncio.sleep(0.25)

    def _tell(self, incident: dict[str, str], shown: set[tuple[str, str]], elapsed: float) -> None:
        key = (incident["feature"], incident["kpi"])
        if key in shown:
            return
        shown.add(key)
        self.say(f"   {elapsed:5.1f} s  INCIDENT {' '.join(key)}, since {incident['onset']}")
        if incident["feature"] == FEATURE and incident["kpi"] == "refusal_rate":
            self._incident_seen = now()

    def _paged(self, page: Page) -> None:
        if page.action == "trigger":
            self._pages.append(page)
        self.say(f"   PAGE ({page.action}, {page.severity}) {page.component}: {page.summary}")

    async def _count(self, client: Client) -> Outcome:
        status = self._cast.status_file  # there is none when the curtain fell before the first event
        tally: dict[str, Any] = json.loads(status.read_text()) if status.exists() else {"sent": 0, "truth": None}
        counts = await asyncio.to_thread(_drained, client, tally["sent"])
        injected = datetime.fromisoformat(tally["truth"]["onset"]).astimezone(UTC) if tally["truth"] else self._started
        incidents = await asyncio.to_thread(read_incidents, client, self._started)
        paged = [page.received_at for page in self._pages if page.component == FEATURE]
        outcome = Outcome(
            tally["sent"],
            counts.dead_letters,
            counts.duplicates,
            counts.stored,
            incidents,
            len(self._pages),
            _seconds(self._incident_seen, injected),
            _seconds(min(paged, default=None), injected),
        )
        verdict = "adds up" if outcome.adds_up() else "DOES NOT ADD UP"
        self.say(
            f"   sent {outcome.sent:,} = stored {outcome.stored:,} + dead letters {outcome.dead_letters:,} "
            f"+ duplicates {outcome.duplicates:,}: {verdict}"
        )
        return outcome


def _drained(client: Client, sent: int) -> Counts:
    """The counts, once the worker has read everything, or has had its time."""
    give_up = monotonic() + _DRAIN_SECONDS
    while (counts := read_counts(client)).read < sent and monotonic() < give_up:
        time.sleep(0.25)
    return counts


def _seconds(moment: datetime | None, since: datetime) -> float | None:
    return None if moment is None else round((moment - since) / timedelta(seconds=1), 1)
