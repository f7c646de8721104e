"""A store that is slow, frozen or away: the topic waits, the worker's memory does not grow, and nothing is lost."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.ports import free_port
from tests.e2e.ask import ask
from tests.e2e.batches import send_batches
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Served, Workers, wait_until
from tests.e2e.recount import stored
from tests.e2e.relay import Relay
from tests.e2e.scrape import metric
from tests.programs import do_without

FEATURES = 5
BACKLOG, MORE = 90_000, 50_000
LONG = ("model", "prompt_version", "policy_version", "release", "region", "surface", "provider", "user_segment")
PAD = {name: f"{name}-{'x' * 45}" for name in LONG}
"""Says the same in every event, so that an event is large and a window's cells are few."""
BUFFER = {"FLUSH_ROWS": "10000", "FLUSH_BYTES": "10000000"}


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[Served]:
    store = Served(tmp_path)
    try:
        yield store
    finally:
        store.process.send_signal(signal.SIGCONT)
        store.stop()


@pytest.fixture(name="relay")
def _relay(served: Served) -> Iterator[Relay]:
    between = Relay(served.port)
    between.start()
    try:
        yield between
    finally:
        between.stop()


@pytest.fixture(name="workers")
def _workers(tmp_path: Path, served: Served) -> Iterator[Workers]:
    with on_tansu(tmp_path) as found:
        found.settings |= served.settings | BUFFER | {"OTLP": "false", "SESSION_TIMEOUT": "3"}
        yield found


def send(workers: Workers, first: int, count: int) -> None:
    """Events number `first` and following, all different and all good; the broker has them when this returns."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    shared = json.dumps({"kind": "interaction", "ts": at} | PAD)[:-1]
    events = []
    for number in range(first, first + count):
        of = f', "event_id": "event-{number:08d}", "emitter": "e-{number % 64}", "feature": "f-{number % FEATURES}"'
        events.append((shared + of + "}").encode())
    send_batches(workers.broker, {partition: events[partition::4] for partition in range(4)})


def check_stored(workers: Workers, events: int) -> None:
    """Every event is stored and counted once, in its feature; every offset is claimed once."""
    total = {f"f-{number}": events // FEATURES for number in range(FEATURES)}
    rows = ask(workers.dsn, "SELECT feature, sum(n) AS n FROM windows WHERE row_kind = 'cell' GROUP BY feature")
    assert {row["feature"]: int(row["n"]) for row in rows} == total
    rows = ask(workers.dsn, "SELECT feature, uniqExact(event_id) AS n, count() AS m FROM events GROUP BY feature")
    assert {row["feature"]: int(row["n"]) for row in rows} == total
    assert {row["feature"]: int(row["m"]) for row in rows} == total
    assert ask(workers.dsn, "SELECT partition FROM offset_audit WHERE gap != 0") == []


def telemetry_read(port: int) -> float:
    return metric(port, 'vigil_records_total{topic="ai.telemetry"}')


def resident(process: subprocess.Popen[bytes]) -> int:
    """Memory of a process, in bytes."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        do_without("/proc", "the memory of a worker cannot be looked at on this system")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found[1]) * 1024


def settled(port: int) -> float:
    """How many records were read, once the number stands still for two seconds."""
    give_up, last = time.monotonic() + 30, -1.0
    while time.monotonic() < give_up:
        found = telemetry_read(port)
        if found == last:
            return found
        last = found
        time.sleep(2.0)
    pytest.fail("the worker reads on and on from a topic whose records it cannot store")


def begin(workers: Workers, **settings: str) -> tuple[subprocess.Popen[bytes], int]:
    """A worker that has stored 5,000 events, and its metrics port."""
    port = free_port()
    worker = workers.start(METRICS_PORT=str(port), **settings)
    send(workers, 0, 5_000)
    wait_until(lambda: telemetry_read(port) == 5_000, 30, "the worker reads")
    wait_until(lambda: stored(workers.dsn) == 5_000, 30, "the worker stores")
    return worker, port


def test_a_slow_then_frozen_store_fills_a_bounded_buffer_and_loses_nothing(
    workers: Workers, served: Served, relay: Relay
) -> None:
    worker, port = begin(workers, STORE=f"http://default@127.0.0.1:{relay.port}")
    relay.delay = 0.2
    send(workers, 5_000, 5_000)
    wait_until(lambda: telemetry_read(port) == 10_000, 5, "counters do not wait for the store")
    wait_until(lambda: stored(workers.dsn) == 10_000, 15, "slow is not away")

    served.process.send_signal(signal.SIGSTOP)
    relay.delay = 0.0
    send(workers, 10_000, BACKLOG - 10_000)
    read = settled(port)
    last_insert = metric(port, "vigil_last_insert_timestamp_seconds")  # an answer on its way at the stop is in by now
    assert read > 10_000, "counters move while the buffer lasts"
    assert read < BACKLOG / 2, "and stop when it is full"
    first = resident(worker)
    send(workers, BACKLOG, MORE)
    time.sleep(2.0)
    assert telemetry_read(port) == read
    assert resident(worker) - first < 10e6, "another 35 MB in the topic are none in the worker"
    assert metric(port, "vigil_last_insert_timestamp_seconds") == last_insert, "which is how a rule sees it"
    assert time.time() - last_insert > 4.0

    served.process.send_signal(signal.SIGCONT)
    wait_until(
        lambda: metric(port, "vigil_lag_records") == 0 and telemetry_read(port) == BACKLOG + MORE, 60, "it caught up"
    )
    wait_until(lambda: stored(workers.dsn) == BACKLOG + MORE, 20, "all of the backlog is stored")
    assert metric(port, "vigil_last_insert_timestamp_seconds") > last_insert
    assert worker.poll() is None, "the same worker went on"
    check_stored(workers, BACKLOG + MORE)


def test_a_store_that_stays_away_ends_the_worker_with_a_reason_and_the_next_one_goes_on(
    workers: Workers, served: Served, tmp_path: Path
) -> None:
    worker, port = begin(workers)
    failures = metric(port, "vigil_insert_failures_total")
    served.process.kill()
    served.process.wait()
    send(workers, 5_000, 15_000)
    wait_until(lambda: metric(port, "vigil_insert_failures_total") > failures, 10, "a counter says so at once")
    assert worker.wait(60) == 3
    assert "the store did not answer for 32 s" in workers.log()
    assert "nothing was acked that is not stored" in workers.log()

    back = Served(tmp_path)
    try:
        workers.settings |= back.settings
        workers.start()
        wait_until(lambda: stored(workers.dsn) == 20_000, 30, "the next worker stores the rest")
        workers.stop()
        check_stored(workers, 20_000)
    finally:
        back.stop()
