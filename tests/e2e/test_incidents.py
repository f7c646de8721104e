"""What people say of an incident, through a real broker and a real worker: it survives refreshes and a kill -9."""

import json
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.ports import free_port
from monitor.producing import sender
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Workers, wait_until
from tests.e2e.refusal_history import EACH_SECOND

ANN = "a" * 32
SPIKE = 0.4


@pytest.fixture(name="paging")
def _paging(tmp_path: Path) -> Iterator[Workers]:
    """A worker whose feature refuses ten times as often as before, and pages for it."""
    with on_tansu(tmp_path) as found:
        found.settings |= {"GRACE": "2", "IDLE_AFTER": "4", "OTLP": "false", "METRICS_PORT": str(free_port())}
        # In a process of its own: chDB opens one path in each.
        subprocess.run([sys.executable, "-m", "tests.e2e.refusal_history", found.dsn], check=True)
        found.start()
        with refusals(found.broker, SPIKE):
            wait_until(lambda: gauge(found) == 1, 90, "the incident pages")
            yield found


@contextmanager
def refusals(broker: str, rate: float) -> Iterator[None]:
    """Traffic in which this share is refused, until the block ends."""
    over = threading.Event()
    chance = random.Random(3)

    def event() -> bytes:
        said = {
            "kind": "interaction",
            "event_id": f"event-{chance.getrandbits(64):016x}",
            "ts": datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z"),
            "emitter": "a",
            "feature": "chat",
            "refusal": {"refused": chance.random() < rate},
        }
        return json.dumps(said).encode()

    def send() -> None:
        with sender(broker, "test") as out:
            while not over.wait(1.0):
                for _ in range(EACH_SECOND):
                    out.send("ai.telemetry", event(), "a")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def kill_and_start(workers: Workers) -> None:
    workers.running[-1].kill()
    workers.running[-1].wait()
    workers.start()


def vigil(workers: Workers, *arguments: str) -> str:
    command = [sys.executable, "-m", "monitor.cli", "incidents", *arguments, "--store", workers.dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(workers: Workers, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(vigil(workers, "list", "--json", *arguments))
    return [one for one in found if one["kpi"] == "refusal_rate"]


def gauge(workers: Workers) -> float | None:
    """vigil_incident_open of the refusals; None while nobody tells."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{workers.settings['METRICS_PORT']}/metrics", timeout=5
        ) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith("vigil_incident_open{") and 'kpi="refusal_rate"' in line]
    return max((float(line.rsplit(" ", 1)[1]) for line in found), default=None)


def the_one(workers: Workers) -> dict[str, Any]:
    [one] = listed(workers, "--all")
    return one


def say(workers: Workers, verb: str, *word: str) -> str:
    """Give the first digits of the incident only, as people do."""
    short = the_one(workers)["incident_id"][:6]
    return vigil(workers, verb, short, *word, "--by", ANN, "--broker", workers.broker)


def test_an_acknowledgement_survives_every_refresh_and_a_kill(paging: Workers) -> None:
    assert "is acknowledged" in say(paging, "ack")
    wait_until(lambda: the_one(paging)["state"] == "acknowledged", 15, "the acknowledgement is stored")
    said = the_one(paging)
    wait_until(lambda: the_one(paging)["updated_at"] > said["updated_at"], 90, "the scorer writes the incident again")
    assert the_one(paging)["state"] == "acknowledged"
    kill_and_start(paging)
    wait_until(lambda: gauge(paging) == 1, 90, "it pages again after the kill, as nobody resolved it")
    after = the_one(paging)
    names = ("incident_id", "state", "said_by", "said_at")
    assert [after[name] for name in names] == [said[name] for name in names]
    assert (after["state"], after["said_by"]) == ("acknowledged", ANN)


def test_a_resolve_ends_the_page_for_good_and_a_verdict_does_not(paging: Workers) -> None:
    say(paging, "verdict", "noise")
    wait_until(lambda: the_one(paging)["verdict"] == "noise", 15, "the verdict is stored")
    time.sleep(2.5)  # the scorer looks each second
    assert gauge(paging) == 1
    say(paging, "resolve")
    wait_until(lambda: gauge(paging) == 0, 15, "the page ends although refusals go on")
    assert listed(paging) == []
    assert (the_one(paging)["state"], the_one(paging)["recovered_at"]) == ("resolved", None)
    kill_and_start(paging)
    shown: set[float] = set()
    wait_until(lambda: shows(paging, shown), 90, "the gauge is told after the kill")
    for _ in range(20):
        time.sleep(0.2)
        shows(paging, shown)
    assert shown == {0.0}
    story = vigil(paging, "show", the_one(paging)["incident_id"])
    assert "RESOLVED by aaaaaaaa" in story
    assert "the KPI is not back, judged noise by aaaaaaaa" in story


def shows(workers: Workers, shown: set[float]) -> bool:
    """Add what the gauge says now, if it says anything."""
    if (value := gauge(workers)) is not None:
        shown.add(value)
    return bool(shown)
