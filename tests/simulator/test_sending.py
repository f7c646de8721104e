import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.ports import free_port
from monitor.producing import ensure_topics
from monitor.simulator.generate import generate
from monitor.simulator.plan import Plan, Tally
from monitor.simulator.run import simulate_command
from monitor.simulator.scenarios import scenario
from monitor.simulator.sending import Pace, event_start, report, simulate
from monitor.simulator.traffic import Traffic
from schemas.topics import TOPICS

_START = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
_PARTITIONS = 3
Sent = list[tuple[str, int, bytes, bytes | None]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    child = start_broker(port, tmp_path / "broker.log")
    address = f"127.0.0.1:{port}"
    ensure_topics(address, TOPICS, _PARTITIONS)
    yield address
    child.stop()


class Wall:
    """A clock that only sleeping moves, and that a caller may stop."""

    def __init__(self) -> None:
        self.time = 100.0
        self.naps: list[float] = []

    def timer(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds


def _read(broker: str, sent: int) -> Sent:
    """What the topics hold: `sent` records are waited for, and after them one more poll for what nobody sent.

    The ends that the broker tells are not believed: Tansu's are late for a moment after a write, and a client that
    has just begun may not know every topic's partitions yet.
    """
    consumer = KafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(t.name, p) for t in TOPICS for p in range(_PARTITIONS)])
        found: Sent = []
        give_up = monotonic() + 30.0
        while (polled := consumer.poll(timeout_ms=1000)) or (len(found) < sent and monotonic() < give_up):
            for place, records in polled.items():
                found.extend((place.topic, place.partition, r.key, r.value) for r in records)
        return found
    finally:
        consumer.close()


def _plan(seconds: float = 30.0, rate: float = 60.0) -> Plan:
    return Plan(_START, 5, seconds, Traffic(rate), scenario=scenario("model_swap", 5.0, duration=10.0))


def test_the_broker_gets_the_records_of_the_plan(broker: str) -> None:
    wall, ticks = Wall(), list[tuple[int, bool]]()
    tally = simulate(broker, _plan(), Pace(1.0, wall.timer, wall.sleep), None, lambda t, d: ticks.append((t.sent, d)))
    arrived = _read(broker, tally.sent)
    wanted = Tally()
    records = list(generate(_plan(), wanted))
    assert tally == wanted
    assert Counter((t, k, v) for t, _, k, v in arrived) == Counter((r.topic, r.key.encode(), r.value) for r in records)
    partitions: dict[bytes, set[int]] = {}
    for topic, partition, key, _ in arrived:
        if topic == "ai.telemetry":
            partitions.setdefault(key, set()).add(partition)
    assert {len(found) for found in partitions.values()} == {1}
    assert len({next(iter(found)) for found in partitions.values()}) > 1
    # It waited as long as the plan is, in naps of which none is short enough to be a busy wait.
    assert 30.0 <= wall.time - 100.0 <= 32.0
    assert min(wall.naps) >= 0.05
    assert max(wall.naps) <= 1.0
    assert 25 <= len(ticks) <= 33
    assert [done for _, done in ticks] == [False] * (len(ticks) - 1) + [True]
    assert ticks[-1][0] == tally.sent


def test_speed_shortens_the_wait(broker: str) -> None:
    wall = Wall()
    simulate(broker, _plan(), Pace(10.0, wall.timer, wall.sleep))
    assert 3.0 <= wall.time - 100.0 <= 3.3


def test_behind_time_it_does_not_nap(broker: str) -> None:
    class Slow(Wall):
        def timer(self) -> float:
            self.time += 1.0  # each look at the clock takes a second
            return self.time

    wall = Slow()
    tally = simulate(broker, _plan(10.0), Pace(1.0, wall.timer, wall.sleep))
    assert tally.sent == len(_read(broker, tally.sent))
    assert len(wall.naps) < 5


def test_a_stop_ends_it_and_the_tally_is_what_was_sent(broker: str) -> None:
    stop, wall = threading.Event(), Wall()

    def nap(seconds: float) -> None:
        wall.sleep(seconds)
        if wall.time > 112.0:
            stop.set()

    tally = simulate(broker, Plan(_START, traffic=Traffic(80.0)), Pace(1.0, wall.timer, nap), stop)
    assert 300 < tally.sent == len(_read(broker, tally.sent))


def test_faster_than_time_ends_in_the_present() -> None:
    assert event_start(_START, None, 1.0) == _START
    assert event_start(_START, 600.0, 0.5) == _START
    begins = event_start(_START, 600.0, 4.0)
    assert begins + timedelta(seconds=600) == _START + timedelta(seconds=600 / 4)
    with pytest.raises(UserError, match="needs --seconds"):
        event_start(_START, None, 2.0)
    with pytest.raises(UserError, match="above 0"):
        event_start(_START, 10.0, 0.0)


def test_a_report_is_one_flat_line() -> None:
    text = report(_plan(), Tally(sent=3), done=False)
    assert "\n" not in text
    found = json.loads(text)
    assert (found["sent"], found["done"]) == (3, False)
    assert datetime.fromisoformat(found["truth"]["onset"]) == _START + timedelta(seconds=5)
    assert json.loads(report(Plan(_START), Tally(), done=True))["truth"] is None


def test_the_command_reports_the_tally_and_the_truth(broker: str, tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    asked = [
        "--broker",
        broker,
        "--rate",
        "50",
        "--seconds",
        "40",
        "--speed",
        "40",
        "--status-file",
        str(status),
        "--json",
    ]
    incident = ["--scenario", "refusal_spike", "--at", "10", "--size", "4", "--feature", "health-faq"]
    result = CliRunner().invoke(simulate_command, [*asked, *incident], catch_exceptions=False)
    assert result.exit_code == 0
    last = json.loads(result.stdout.splitlines()[-1])
    assert last == json.loads(status.read_text())
    assert last["sent"] == len(_read(broker, last["sent"])) > 200  # by the hour: also at night
    assert (last["done"], last["truth"]["feature"], last["truth"]["size"]) == (True, "health-faq", 4.0)


def test_the_command_refuses_a_size_without_an_incident() -> None:
    result = CliRunner().invoke(simulate_command, ["--broker", "127.0.0.1:1", "--size", "3"])
    assert isinstance(result.exception, UserError)
    assert "--scenario" in str(result.exception)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_in_order(broker: str, tmp_path: Path, number: signal.Signals) -> None:
    status = tmp_path / "status.json"
    command = [sys.executable, "-c", "from monitor.simulator.run import simulate_command as run; run()"]
    process = subprocess.Popen(
        [*command, "--broker", broker, "--rate", "100", "--status-file", str(status), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    give_up = monotonic() + 30.0
    while not status.exists() and process.poll() is None and monotonic() < give_up:
        sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30.0)
    assert process.returncode == 0
    last = json.loads(out.splitlines()[-1])
    assert last == json.loads(status.read_text())
    assert last["done"] is True
    assert last["sent"] == len(_read(broker, last["sent"])) > 0
