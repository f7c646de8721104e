"""Nothing lost, nothing counted twice: workers are killed at random, then ClickHouse is held against the topic."""

import json
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime

from monitor.producing import sender
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Interaction
from tests.e2e.ask import ask
from tests.e2e.processes import Workers, wait_until

RECORDS = 20_000
KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
COUNT = "SELECT sum(records) AS n FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'"


def records(seed: int) -> list[tuple[str, bytes | None]]:
    """(emitter, bytes): events over ten minutes, with bad ones and repeats among them."""
    chance = random.Random(seed)
    start = datetime.now(UTC).timestamp() - 600
    made: list[tuple[str, bytes | None]] = []
    for i in range(RECORDS):
        emitter = f"emitter-{chance.randrange(8)}"
        kind = chance.random()
        if kind < 0.01:
            made.append((emitter, chance.choice([b"{", b"", None, b"[1]", b"\xff", b'{"kind":"interaction"}'])))
        elif kind < 0.03 and made:
            made.append(chance.choice(made[-50:]))
        else:
            at = datetime.fromtimestamp(start + 600 * i / RECORDS, UTC).isoformat().replace("+00:00", "Z")
            event = {
                "kind": "interaction",
                "event_id": f"{chance.getrandbits(96):024x}",
                "ts": at,
                "emitter": emitter,
                "feature": f"feature-{chance.randrange(5)}",
                "model": f"model-{chance.randrange(3)}",
                "refusal": {"refused": chance.random() < 0.1},
            }
            made.append((emitter, json.dumps(event).encode()))
    return made


def recount(sent: list[tuple[str, bytes | None]]) -> tuple[Counter[tuple[str, int, bool]], int, int]:
    """What must be stored, from the topic alone: (feature, window, refused) counts, dead letters, repeats."""
    cells: Counter[tuple[str, int, bool]] = Counter()
    seen, dead, repeats = set[str](), 0, 0
    for _, value in sent:
        event = decode(TELEMETRY, value)
        if isinstance(event, Reject):
            dead += 1
        elif event.event_id in seen:
            repeats += 1
        else:
            assert isinstance(event, Interaction)
            assert event.refusal is not None
            seen.add(event.event_id)
            cells[event.feature, int(event.ts.timestamp()) // 10 * 10, event.refusal.refused] += 1
    return cells, dead, repeats


def test_killed_workers_lose_nothing_and_count_nothing_twice(workers: Workers) -> None:
    chance = random.Random(11)
    sent = records(seed=5)
    worker = workers.start(FLUSH_INTERVAL="0.1")
    with sender(workers.broker, "test") as out:
        for number, kill in enumerate(KILLS):
            part = len(sent) // len(KILLS)
            for emitter, value in sent[number * part : (number + 1) * part]:
                out.send("ai.telemetry", value, emitter)
            out.flush()
            time.sleep(chance.uniform(0.5, 4.0))  # somewhere between joining the group and having stored it all
            worker.send_signal(kill)
            worker.wait()
            worker = workers.start(FLUSH_INTERVAL="0.1")
    wait_until(lambda: "Worker ready" in workers.log(), 30, "a worker is ready")
    wait_until(lambda: ask(workers.dsn, COUNT)[0]["n"] == RECORDS, 60, f"{RECORDS} records claimed")
    workers.stop()

    cells, dead, repeats = recount(sent)
    [totals] = ask(
        workers.dsn,
        "SELECT sum(accepted) AS accepted, sum(dead_letters) AS dead, sum(duplicates) AS repeats "
        "FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'",
    )
    assert totals == {"accepted": sum(cells.values()), "dead": dead, "repeats": repeats}
    rows = ask(
        workers.dsn,
        "SELECT feature, toUnixTimestamp(window_start) AS start, bitAnd(mask, 8) != 0 AS refused, sum(n) AS n "
        "FROM windows WHERE row_kind = 'cell' GROUP BY 1, 2, 3",
    )
    assert {(row["feature"], int(row["start"]), bool(row["refused"])): int(row["n"]) for row in rows} == dict(cells)
    assert ask(workers.dsn, "SELECT count() AS n FROM events")[0]["n"] == sum(cells.values())
    gaps = ask(workers.dsn, "SELECT count() AS n FROM offset_audit WHERE gap != 0")
    assert int(gaps[0]["n"]) == 0
