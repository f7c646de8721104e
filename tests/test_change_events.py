"""Change events: what they say, who tells them, and what a restart and an outage leave of them."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError

import monitor.change_events
from monitor.change_events import RESULTS, Result, Telling, event, judged, summary
from monitor.metrics import Metrics
from monitor.pagerduty import ChangeEvent
from schemas.change import Change
from tests.store.seeds import insert

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "k" * 32


def change(**said: Any) -> Change:
    base = {"event_id": "change-0001", "ts": NOON, "emitter": "deploys", "what": "prompt", "feature": "support-chat"}
    return Change.model_validate(base | said)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"from_version": "v6", "to_version": "v7", "rollout": 0.1},
            "prompt of support-chat: v6 to v7, 10 % of traffic",
        ),
        ({"to_version": "v7", "rollout": 0.07}, "prompt of support-chat: v7, 7 % of traffic"),
        ({"from_version": "v6", "region": "eu-west"}, "prompt of support-chat: v6 no more, in eu-west"),
        ({}, "prompt of support-chat changed"),
        ({"what": "policy", "feature": None, "to_version": "p9"}, "policy of every feature: p9"),
        ({"what": "flag", "subject": "new-ranker", "to_version": "on"}, "flag new-ranker of support-chat: on"),
        ({"new_baseline": True}, "prompt of support-chat changed, meant to be normal from now on"),
    ],
)
def test_the_summary_is_one_line_of_names_and_numbers(said: dict[str, Any], line: str) -> None:
    assert summary(change(**said)) == line


def test_an_event_is_what_pagerduty_takes_and_does_not_say_who() -> None:
    said = event(change(to_version="v7", author_ref="a" * 32, rollout=0.5), KEY, "https://grafana.example/d/vigil")
    ChangeEvent.model_validate(said)
    assert said["payload"]["timestamp"] == "2026-11-20T12:00:00.000Z"
    assert said["payload"]["source"] == "deploys"
    assert said["payload"]["custom_details"] == {
        "event_id": "change-0001",
        "feature": "support-chat",
        "new_baseline": False,
        "rollout": 0.5,
        "to_version": "v7",
        "what": "prompt",
    }
    assert said["links"] == [{"href": "https://grafana.example/d/vigil", "text": "Dashboard"}]
    assert event(change(), KEY, None)["links"] == []
    assert "a" * 32 not in str(said)


def test_the_longest_names_make_a_summary_that_pagerduty_takes() -> None:
    longest = dict.fromkeys(("subject", "from_version", "to_version", "region"), "x" * 64)
    assert len(summary(change(**longest, feature="f" * 63, rollout=0.123456789, new_baseline=True))) <= 1024


def test_faults_that_pass_are_tried_again_and_others_are_not() -> None:
    tried_again = {status for status in range(100, 600) if judged(status) == "failed"}
    assert tried_again == {429, *range(500, 600)}
    assert {status for status in range(100, 600) if judged(status) == "sent"} == {*range(200, 300)}


class PagerDuty:
    """In PagerDuty's place: answers as it is told, and remembers what it was told."""

    def __init__(self) -> None:
        self.answer: Result = "sent"
        self.told: list[str] = []

    async def __call__(self, one: Change) -> Result:
        self.told.append(one.event_id)
        return self.answer


class Bench:
    """A teller on a real store, at a time of its own."""

    def __init__(self, store: Client) -> None:
        self.store, self.pagerduty, self.now = store, PagerDuty(), NOON
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.metrics = Metrics()
        self.telling = Telling(self.store, self.pagerduty, self.metrics, lambda: self.now)

    def stored(self, *numbers: int, ts: datetime = NOON, partition: int = 0, offset: int = 0) -> None:
        common = {
            "topic": "ai.changes",
            "partition": partition,
            "kind": "change",
            "emitter": "deploys",
            "what": "model",
        }
        rows = [{"offset": offset + n, "event_id": f"change-{n}", "ts": ts + timedelta(seconds=n)} for n in numbers]
        insert(self.store, "changes", [common | row for row in rows])

    def step(self, partitions: Iterable[int] = (0,)) -> list[str]:
        """What was told in one step."""
        before = len(self.pagerduty.told)
        asyncio.run(self.telling.step(partitions))
        return self.pagerduty.told[before:]

    def counted(self) -> dict[str, float | None]:
        sample = self.metrics.registry.get_sample_value
        return {result: sample("vigil_change_events_total", {"result": result}) for result in RESULTS}


@pytest.fixture
def bench(store: Client) -> Bench:
    return Bench(store)


def test_each_stored_change_is_told_once_in_order_of_time(bench: Bench) -> None:
    bench.stored(2, 1)
    assert bench.step() == ["change-1", "change-2"]
    bench.stored(3)
    assert bench.step() == ["change-3"]
    assert bench.step() == []
    assert bench.counted() == {"sent": 3.0, "refused": 0.0, "failed": 0.0, "expired": 0.0}


def test_a_restart_tells_nothing_again(bench: Bench) -> None:
    bench.stored(1)
    assert bench.step() == ["change-1"]
    bench.begin()
    assert bench.step() == []


def test_a_change_that_stands_in_the_topic_twice_is_told_once(bench: Bench) -> None:
    bench.stored(1)
    bench.stored(1, offset=50)
    assert bench.step() == ["change-1"]
    bench.stored(1, offset=90)
    bench.begin()
    assert bench.step() == []


def test_only_the_owner_of_the_partition_tells(bench: Bench) -> None:
    bench.stored(1)
    bench.stored(2, partition=1)
    assert bench.step([]) == []
    assert bench.step([1]) == ["change-2"]


def test_what_is_older_than_an_hour_is_not_told(bench: Bench) -> None:
    bench.stored(0, ts=NOON - timedelta(hours=1))
    bench.stored(1, ts=NOON - timedelta(days=30))
    bench.stored(2, ts=NOON - timedelta(minutes=59))
    assert bench.step() == ["change-2"]
    assert bench.counted()["expired"] == 0.0  # it came too late to be told, which is no fault


def test_a_clock_that_is_ahead_does_not_make_it_told_twice(bench: Bench) -> None:
    bench.stored(1, ts=NOON + timedelta(minutes=5))
    assert bench.step() == ["change-1"]
    bench.now += timedelta(minutes=62)
    bench.begin()
    assert bench.step() == []


def test_while_pagerduty_is_away_it_waits_longer_and_longer_and_then_tells_everything(bench: Bench) -> None:
    bench.stored(1, 2)
    bench.pagerduty.answer = "failed"
    pauses = []
    for _ in range(8):
        assert bench.step() == ["change-1"]
        pauses.append(bench.telling.pause)
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert bench.counted()["failed"] == 8.0
    bench.pagerduty.answer = "sent"
    assert bench.step() == ["change-1", "change-2"]
    assert bench.telling.pause == 5.0


def test_what_was_never_told_in_its_hour_is_counted_and_given_up(bench: Bench) -> None:
    bench.stored(1, 2)
    bench.pagerduty.answer = "failed"
    bench.step()
    bench.now += timedelta(minutes=61)
    assert bench.step() == []
    assert bench.step() == []
    assert bench.counted() == {"sent": 0.0, "refused": 0.0, "failed": 1.0, "expired": 2.0}


def test_what_another_worker_took_over_is_not_counted_as_given_up(bench: Bench) -> None:
    bench.stored(1)
    bench.pagerduty.answer = "failed"
    bench.step([0])
    bench.now += timedelta(minutes=61)
    bench.step([1])
    assert bench.counted()["expired"] == 0.0


def test_what_pagerduty_will_never_take_does_not_stop_what_comes_after(bench: Bench) -> None:
    bench.stored(1, 2)
    bench.pagerduty.answer = "refused"
    assert bench.step() == ["change-1", "change-2"]
    bench.begin()
    assert bench.step() == []
    rows = bench.store.query("SELECT event_id, result FROM change_events ORDER BY event_id").result_rows
    assert [tuple(row) for row in rows] == [("change-1", "refused"), ("change-2", "refused")]


def test_a_store_that_takes_no_writes_does_not_make_it_tell_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the store is away")

    bench.stored(1, 2)
    with monkeypatch.context() as patched:
        patched.setattr(monitor.change_events, "insert_told", away)
        assert bench.step() == ["change-1"]
        assert bench.step() == []
    assert bench.telling.pause == 20.0
    assert bench.step() == ["change-2"]
    bench.begin()
    assert bench.step() == []
