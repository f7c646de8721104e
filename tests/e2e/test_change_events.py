"""Change events of a real worker, received by the shipped receiver: each stored change once, whatever happens."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.pagerduty import Receiver
from monitor.ports import free_port
from monitor.producing import sender
from schemas.topics import CHANGES_TOPIC, TELEMETRY_TOPIC
from tests.e2e.ask import ask
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Workers, wait_until
from tests.e2e.scrape import metric

KEY = "0123456789abcdef" * 2


@contextmanager
def listening(receiver: Receiver, port: int) -> Iterator[None]:
    """The receiver on a loop of its own, in a thread."""
    loop, ready, stop = asyncio.new_event_loop(), Future[None](), asyncio.Event()

    async def serve() -> None:
        await receiver.start(port)
        ready.set_result(None)
        await stop.wait()
        await receiver.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        ready.result(10)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(name="workers")
def _workers(tmp_path: Path) -> Iterator[Workers]:
    key = tmp_path / "routing-key"
    key.write_text(KEY)
    with on_tansu(tmp_path) as found:
        found.settings |= {"OTLP": "false", "METRICS_PORT": str(free_port()), "PAGERDUTY_KEY_FILE": str(key)}
        yield found


def deploy(workers: Workers, version: str, ago: timedelta = timedelta()) -> None:
    said = {
        "kind": "change",
        "event_id": f"deploy-{version}-0001",
        "ts": (datetime.now(UTC) - ago).isoformat(),
        "emitter": "ci",
        "what": "prompt",
        "feature": "chat",
        "to_version": version,
        "rollout": 0.1,
    }
    with sender(workers.broker, "test") as out:
        out.send(CHANGES_TOPIC.name, json.dumps(said).encode(), "chat")


def send_interaction(workers: Workers) -> None:
    said = {"kind": "interaction", "ts": datetime.now(UTC).isoformat(), "emitter": "a", "feature": "chat"}
    with sender(workers.broker, "test") as out:
        out.send(TELEMETRY_TOPIC.name, json.dumps(said | {"event_id": f"event-{time.time_ns()}"}).encode(), "a")


def versions(receiver: Receiver) -> list[str]:
    return [change.payload.summary.split(": ")[1].split(",")[0] for change in receiver.changes]


def told(receiver: Receiver, *expected: str) -> Callable[[], bool]:
    return lambda: versions(receiver) == [*expected]


@pytest.mark.slow
def test_each_change_is_told_once_through_a_kill_and_an_outage_and_nothing_waits_for_it(workers: Workers) -> None:
    receiver, port = Receiver(), free_port()
    workers.settings |= {"PAGERDUTY_URL": f"http://127.0.0.1:{port}", "PAGERDUTY_LINK": "https://grafana.example/vigil"}
    metrics = int(workers.settings["METRICS_PORT"])
    worker = workers.start()
    with listening(receiver, port):
        deploy(workers, "v0", timedelta(hours=2))  # replayed
        deploy(workers, "v1")
        wait_until(told(receiver, "v1"), 120, "the first change is told")
        (first,) = receiver.changes
        assert first.payload.summary == "prompt of chat: v1, 10 % of traffic"
        assert [link.href for link in first.links] == ["https://grafana.example/vigil"]
        worker.kill()
        worker.wait()
        deploy(workers, "v2")
        workers.start()
        wait_until(told(receiver, "v1", "v2"), 120, "what came while no worker ran is told, and nothing again")

    # PagerDuty is away now.
    deploy(workers, "v3")
    wait_until(lambda: metric(metrics, 'vigil_change_events_total{result="failed"}') >= 1, 60, "it is tried")
    counted = metric(metrics, "vigil_interactions_total")
    send_interaction(workers)
    wait_until(lambda: metric(metrics, "vigil_interactions_total") == counted + 1, 20, "counting goes on")
    with listening(receiver, port):
        wait_until(told(receiver, "v1", "v2", "v3"), 90, "it is told when PagerDuty is back")

    assert (receiver.refused, receiver.pages) == ([], [])
    workers.stop()
    stored = ask(workers.dsn, "SELECT to_version FROM changes FINAL ORDER BY to_version")
    assert [row["to_version"] for row in stored] == ["v0", "v1", "v2", "v3"]
    rows = ask(workers.dsn, "SELECT event_id, result FROM change_events ORDER BY event_id")
    assert [(row["event_id"], row["result"]) for row in rows] == [(f"deploy-v{n}-0001", "sent") for n in (1, 2, 3)]
    assert KEY not in workers.log()
