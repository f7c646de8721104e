"""Each change on PagerDuty's timeline: what was deployed stands beside the page that it may explain.

A change event pages nobody. It is told once, by the worker that owns the change's partition, after the store has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.clock import Clock, now
from monitor.errors import UserError
from monitor.metrics import Metrics
from monitor.pagerduty import CHANGE
from monitor.settings import Settings
from monitor.store.change_events import insert_told, read_untold
from schemas.change import Change

log = logging.getLogger("vigil.change_events")
Result = Literal["sent", "refused", "failed", "expired"]
RESULTS: tuple[Result, ...] = get_args(Result)
"""PagerDuty took it; will never take it; did not answer, so it is tried again; or for so long that it is no news."""
_OLDEST = timedelta(hours=1)
_LOOK_EVERY, _LONGEST_PAUSE = 5.0, 300.0
_PATIENCE = ClientTimeout(total=10.0)

Send = Callable[[Change], Awaitable[Result]]
"""Tells PagerDuty of one change; it may take ten seconds, and raises nothing."""


def summary(change: Change) -> str:
    """One line without content: `prompt of support-chat: v6 to v7, 10 % of traffic`."""
    what = f"{change.what} {change.subject}" if change.subject else change.what
    parts = [f"{what} of {change.feature or 'every feature'}{_versions(change)}"]
    if change.rollout is not None:
        parts.append(f"{100 * change.rollout:g} % of traffic")
    if change.region:
        parts.append(f"in {change.region}")
    if change.new_baseline:
        parts.append("meant to be normal from now on")
    return ", ".join(parts)


def _versions(change: Change) -> str:
    if change.from_version and change.to_version:
        return f": {change.from_version} to {change.to_version}"
    if change.to_version:
        return f": {change.to_version}"
    return f": {change.from_version} no more" if change.from_version else " changed"


def event(change: Change, key: str, link: str | None) -> dict[str, Any]:
    """The body for PagerDuty. Who made the change stays here: it is nobody else's to know."""
    details = change.model_dump(
        mode="json", exclude_none=True, include={"what", "feature", "subject", "from_version", "to_version", "rollout",
                                                 "region", "new_baseline", "event_id"}
    )  # fmt: skip
    payload = {
        "summary": summary(change),
        "source": change.emitter,
        "timestamp": change.ts.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "custom_details": details,
    }
    links = [{"href": link, "text": "Dashboard"}] if link else []
    return {"routing_key": key, "payload": payload, "links": links}


def poster(key: str, url: str, link: str | None) -> Send:
    """Hands events over, a connection each: changes are rare. Nothing of an event is logged, for the key is in it."""

    async def send(change: Change) -> Result:
        try:
            async with (
                ClientSession(timeout=_PATIENCE) as session,
                session.post(url, json=event(change, key, link), allow_redirects=False) as answer,
            ):
                return judged(answer.status)
        except (ClientError, OSError) as error:  # a time-out is an OSError
            log.warning("PagerDuty did not answer (%s); the change is told again later", type(error).__name__)
            return "failed"

    return send


def judged(status: int) -> Result:
    """What an HTTP status means for an event: too many requests and faults of the server pass."""
    if 200 <= status < 300:
        return "sent"
    if status == 429 or status >= 500:
        log.warning("PagerDuty answered with status %d; the change is told again later", status)
        return "failed"
    log.error("PagerDuty refused a change event with status %d; is VIGIL_PAGERDUTY_KEY_FILE right?", status)
    return "refused"


class Telling:
    """Tells of the changes of the partitions that this worker owns, one step at a time."""

    def __init__(self, client: Client, send: Send, metrics: Metrics, clock: Clock = now) -> None:
        self._client = client
        self._send = send
        self._clock = clock
        self._results = {result: metrics.change_events.labels(result) for result in RESULTS}
        self._told: dict[str, tuple[datetime, Result]] = {}
        self._waiting: dict[str, datetime] = {}
        self._partitions: frozenset[int] = frozenset()
        self.pause = _LOOK_EVERY
        """Seconds until the next step is due; doubled whenever PagerDuty or the store is away."""

    async def step(self, partitions: Iterable[int]) -> None:
        """Tell what is to be told, in order of time, until PagerDuty or the store does not answer."""
        try:
            well = await self._step(frozenset(partitions))
        except (ClickHouseError, OSError) as error:
            log.warning("change events wait for the store (%s)", type(error).__name__)
            well = False
        self.pause = _LOOK_EVERY if well else min(2 * self.pause, _LONGEST_PAUSE)

    async def _step(self, partitions: frozenset[int]) -> bool:
        if partitions != self._partitions:
            self._partitions, self._waiting = partitions, {}  # what waited may be another worker's now
        since = self._clock() - _OLDEST
        self._forget(since)
        untold = await asyncio.to_thread(read_untold, self._client, sorted(partitions), since) if partitions else []
        self._waiting |= {change.event_id: change.ts for change in untold}
        for change in untold:
            result = await self._tell(change)
            if result == "failed":
                return False
            await asyncio.to_thread(insert_told, self._client, change.event_id, result, self._clock())
            del self._waiting[change.event_id]
        return True

    async def _tell(self, change: Change) -> Result:
        """What became of it. What this process has told, and the store did not take, is not told twice."""
        if change.event_id in self._told:
            return self._told[change.event_id][1]
        result = await self._send(change)
        self._results[result].inc()
        if result != "failed":
            self._told[change.event_id] = (change.ts, result)
        return result

    def _forget(self, since: datetime) -> None:
        """What happened before `since` is no news any more."""
        late = [event_id for event_id, at in self._waiting.items() if at <= since]
        for event_id in late:
            del self._waiting[event_id]
        self._results["expired"].inc(sum(event_id not in self._told for event_id in late))
        if late:
            log.error("PagerDuty was not told of %d changes in the hour after them", len(late))
        self._told = {event_id: told for event_id, told in self._told.items() if told[0] > since}


async def tell_for_ever(telling: Telling, partitions: Callable[[], Iterable[int]]) -> None:
    """Tell of the changes of what `partitions` says is ours, until cancelled."""
    while True:
        await asyncio.sleep(telling.pause)
        await telling.step(partitions())


def change_url(settings: Settings) -> str:
    """Where change events go. Raises UserError when VIGIL_PAGERDUTY_URL is no address of a server."""
    parts = urlsplit(settings.pagerduty_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError("VIGIL_PAGERDUTY_URL is no address; write it like https://events.pagerduty.com")
    return settings.pagerduty_url.rstrip("/") + CHANGE
