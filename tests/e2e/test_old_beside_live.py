"""Last month's telemetry is replayed into the topic of today's: both are counted exactly, and today's do not wait."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.ports import free_port
from tests.e2e.ask import ask
from tests.e2e.batches import send_batches
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Workers, wait_until
from tests.e2e.recount import stored
from tests.e2e.scrape import metric

MONTH = 30 * 86_400.0
LONGEST = 60.0
CURRENT = 10.0 + 2.0 + 5.0 + 8.0
"""Seconds that the scorer may be behind: a window, the grace, the wait for an idle partition; and a busy machine."""


@pytest.fixture(name="workers")
def _workers(tmp_path: Path) -> Iterator[Workers]:
    with on_tansu(tmp_path) as found:
        found.settings |= {"GRACE": "2", "IDLE_AFTER": "5", "OTLP": "false"}
        yield found


class Sending:
    """Makes events, and remembers what they add to which window."""

    def __init__(self) -> None:
        self.chance = random.Random(3)
        self.cells: Counter[tuple[str, int, bool]] = Counter()

    def event(self, feature: str, at: float, refused: float) -> bytes:
        is_refused = self.chance.random() < refused
        at = round(at, 3)
        self.cells[feature, int(at) // 10 * 10, is_refused] += 1
        said = {
            "kind": "interaction",
            "event_id": f"event-{self.cells.total():08d}",
            "ts": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
            "emitter": "a",
            "feature": feature,
            "refusal": {"refused": is_refused},
        }
        return json.dumps(said).encode()


def is_current(port: int, now: float) -> bool:
    return now - metric(port, "vigil_scored_until_timestamp_seconds") < CURRENT


def test_a_replay_beside_live_data_is_exact_and_live_windows_are_scored_meanwhile(workers: Workers) -> None:
    port = free_port()
    workers.start(METRICS_PORT=str(port))
    sending = Sending()
    began = now = time.time()
    while not is_current(port, now) and now < began + LONGEST:
        live = [sending.event("chat", now, 0.04) for _ in range(20)]
        old = [sending.event("chat", now - MONTH + 60 * (now - began), 0.9) for _ in range(300)]
        send_batches(workers.broker, {0: live[:10], 1: live[10:] + old[:100], 2: old[100:200], 3: old[200:]})
        time.sleep(0.25)
        now = time.time()
    assert is_current(port, now), "partitions 2 and 3 hold nothing but the past, and must not hold today"
    total = sending.cells.total()
    wait_until(lambda: stored(workers.dsn) == total, 30, f"{total} records are claimed")
    rows = ask(
        workers.dsn,
        "SELECT feature, toUnixTimestamp(window_start) AS start, bitAnd(mask, 8) != 0 AS refused, sum(n) AS n "
        "FROM windows WHERE row_kind = 'cell' GROUP BY 1, 2, 3",
    )
    assert {(row["feature"], int(row["start"]), bool(row["refused"])): int(row["n"]) for row in rows} == sending.cells
    assert metric(port, "vigil_late_events_total") > 0
    assert ask(workers.dsn, "SELECT incident_id FROM incident_list") == []
    assert ask(workers.dsn, "SELECT kpi FROM scores WHERE state IN ('WARN', 'ALARM')") == []
