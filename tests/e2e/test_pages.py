"""Which page each fault makes, on real parts: broker, worker, store, Prometheus, Alertmanager, and the shipped rules.

The rules' own durations hold, in real time: a worker must be gone for 90 s, and a feature silent for 135 s. So each
fault has a world of its own, but for the two that are one feature's alone; all live side by side for four minutes, and
each outlives the moment at which its features would be called silent. What takes longer is in alerts/tests and in
tests/alerts/test_inhibitions.py.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.common import program_of
from monitor.pagerduty import ENQUEUE, Page, Receiver
from tests.e2e.feature_traffic import PROFILES, SILENT, SPIKING
from tests.e2e.processes import wait_until
from tests.e2e.worlds import Labels, World, world
from tests.programs import ALERTMANAGER, PROMETHEUS, needs

pytestmark = [needs(*PROMETHEUS), needs(*ALERTMANAGER), pytest.mark.slow]


class Told(NamedTuple):
    """What a page says is wrong: the alert, and the feature where it is about one."""

    alert: str
    feature: str = ""


PAGES = {
    "refusals rise": Told("VigilRefusalSpike", SPIKING),
    "an emitter falls silent": Told("VigilTelemetryIncomplete", SILENT),
    "the store is away": Told("VigilWorkersAbsent"),  # a worker repeats for half a minute, ends, and cannot start
    "a worker is killed": Told("VigilWorkersAbsent"),
    "the broker is gone": Told("VigilIntakeStopped"),
}
"""The one page that each fault makes."""
NOBODY_IS_HEARD = ("the store is away", "a worker is killed", "the broker is gone")
OUTLAST = 155.0
"""Seconds: a feature is called silent 135 s after its last heartbeat."""
REPEATS = 45.0
"""Seconds that a worker goes on without its store: half a minute of tries, and their time."""


@dataclass
class Seen:
    """What came of the faults of one world."""

    pages: list[Page]
    muted: list[Labels]
    firing: list[Labels]

    def told(self, action: str) -> list[Told]:
        """The pages of one kind, in order."""
        return [Told(page.details["alert"], page.component) for page in self.pages if page.action == action]


Story = Callable[[World, Receiver], list[Labels]]
"""Lets the faults happen; returns the alerts that Alertmanager held back when nobody had been heard for long."""


def features_alone(now: World, receiver: Receiver) -> list[Labels]:
    """Both faults are in the traffic; wait for their pages, and for the end of the one that ends."""
    now.turn("faulty")
    wait_until(lambda: len({page.component for page in receiver.pages}) == 2, 200, "both features page")
    wait_until(lambda: any(page.action == "resolve" for page in receiver.pages), 60, "the spike's page ends")
    time.sleep(5.0)
    return now.muted()


def store_away(now: World, receiver: Receiver) -> list[Labels]:
    assert now.store is not None
    now.supervise()
    now.store.process.kill()
    outlast(receiver, OUTLAST + REPEATS)
    return now.muted()


def worker_killed(now: World, receiver: Receiver) -> list[Labels]:
    """Nobody starts it again, until somebody does: then nothing else may page."""
    now.workers.running[-1].kill()
    outlast(receiver)
    muted = now.muted()
    now.workers.start()
    wait_until(lambda: "silent" not in symptoms(now), 180, "all features are heard again")
    time.sleep(2.0)
    return muted


def broker_gone(now: World, receiver: Receiver) -> list[Labels]:
    now.supervise()
    os.kill(program_of(now.broker.process.pid), signal.SIGKILL)
    outlast(receiver)
    return now.muted()


def outlast(receiver: Receiver, seconds: float = OUTLAST) -> None:
    begun = time.monotonic()
    wait_until(lambda: bool(receiver.pages), seconds, "somebody is paged")
    time.sleep(max(begun + seconds - time.monotonic(), 0.0))


def symptoms(now: World) -> set[str]:
    return {labels["symptom"] for labels in now.firing() if "symptom" in labels}


STORIES: dict[tuple[str, ...], Story] = {
    ("refusals rise", "an emitter falls silent"): features_alone,
    ("the store is away",): store_away,
    ("a worker is killed",): worker_killed,
    ("the broker is gone",): broker_gone,
}
"""The faults of each world, and how they come about."""


def live(folder: Path, url: str, receiver: Receiver, faults: tuple[str, ...]) -> Seen:
    story = STORIES[faults]
    with world(folder, url, served=story is store_away, known=story is features_alone) as now:
        assert receiver.pages == []
        muted = story(now, receiver)
        return Seen(list(receiver.pages), muted, now.firing())


async def live_together(folder: Path) -> dict[str, Seen | BaseException]:
    receivers = {faults: Receiver() for faults in STORIES}
    lives = []
    for number, (faults, receiver) in enumerate(receivers.items()):
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        lives.append(asyncio.to_thread(live, folder / str(number), url, receiver, faults))
    try:
        found = await asyncio.gather(*lives, return_exceptions=True)
    finally:
        for receiver in receivers.values():
            await receiver.stop()
    return {fault: seen for faults, seen in zip(receivers, found, strict=True) for fault in faults}


@pytest.fixture(scope="module", name="seen")
def _seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen | BaseException]:
    return asyncio.run(live_together(tmp_path_factory.mktemp("worlds")))


def of(seen: dict[str, Seen | BaseException], fault: str) -> Seen:
    found = seen[fault]
    if isinstance(found, BaseException):
        raise found
    return found


@pytest.mark.parametrize("faults", STORIES, ids=" and ".join)
def test_each_fault_makes_its_one_page_and_nothing_else_pages(
    seen: dict[str, Seen | BaseException], faults: tuple[str, ...]
) -> None:
    assert sorted(of(seen, faults[0]).told("trigger")) == sorted(PAGES[fault] for fault in faults)


def test_the_page_ends_when_refusals_are_as_before(seen: dict[str, Seen | BaseException]) -> None:
    assert of(seen, "refusals rise").told("resolve") == [PAGES["refusals rise"]]
    begun, ended = [page for page in of(seen, "refusals rise").pages if page.component == SPIKING]
    assert begun.dedup_key == ended.dedup_key


@pytest.mark.parametrize("fault", NOBODY_IS_HEARD)
def test_each_feature_was_called_silent_and_the_one_page_muted_that(
    seen: dict[str, Seen | BaseException], fault: str
) -> None:
    muted = {labels["feature"] for labels in of(seen, fault).muted if labels.get("symptom") == "silent"}
    assert muted == {profile.name for profile in PROFILES}


def test_a_store_that_is_away_also_makes_a_ticket_that_says_so(seen: dict[str, Seen | BaseException]) -> None:
    assert "VigilInsertFailures" in {labels["alertname"] for labels in of(seen, "the store is away").firing}
