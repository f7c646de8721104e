"""What was sent, what must be stored of it, and whether it is."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.broker import Broker
from monitor.producing import sender
from monitor.store.client import embedded_path
from monitor.store.endpoint import find
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Interaction
from tests.e2e.ask import ask

Sent = list[tuple[str, bytes | None]]
"""(emitter, bytes) in the order of sending."""
COUNT = "SELECT sum(records) AS n FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'"


def records(seed: int, size: int) -> Sent:
    """Events over ten minutes, with bad ones and repeats among them."""
    chance = random.Random(seed)
    start = datetime.now(UTC).timestamp() - 600
    made: Sent = []
    for i in range(size):
        emitter = f"emitter-{chance.randrange(64)}"
        kind = chance.random()
        if kind < 0.01:
            made.append((emitter, chance.choice([b"{", b"", None, b"[1]", b"\xff", b'{"kind":"interaction"}'])))
        elif kind < 0.03 and made:
            made.append(chance.choice(made[-50:]))
        else:
            at = datetime.fromtimestamp(start + 600 * i / size, UTC).isoformat().replace("+00:00", "Z")
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


def recount(sent: Sent) -> tuple[Counter[tuple[str, int, bool]], int, int]:
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


def send_all(broker: Broker | str, sent: Sent) -> None:
    """Everything at once; the broker has it when this returns."""
    with sender(broker, "test") as out:
        for emitter, value in sent:
            out.send("ai.telemetry", value, emitter)


def send_slowly(broker: str, sent: Sent, seconds: float, tick: Callable[[int], object], ticks: int) -> None:
    """Everything over `seconds`, evenly; `tick(0)`, `tick(1)`... are called at `ticks` moments in between."""
    steps = 20 * ticks
    with sender(broker, "test") as out:
        started = time.monotonic()
        for step, part in enumerate(_parts(sent, steps)):
            for emitter, value in part:
                out.send("ai.telemetry", value, emitter)
            if step % 20 == 10:
                tick(step // 20)
            time.sleep(max(started + seconds * (step + 1) / steps - time.monotonic(), 0.0))


def _parts(sent: Sent, number: int) -> Iterator[Sequence[tuple[str, bytes | None]]]:
    for i in range(number):
        yield sent[len(sent) * i // number : len(sent) * (i + 1) // number]


def stored(dsn: str) -> int:
    """How many records of ai.telemetry are claimed; -1 while nobody who holds the store answers."""
    if find(embedded_path(dsn)) is None:
        return -1
    return int(ask(dsn, COUNT)[0]["n"])


def check_exact(dsn: str, sent: Sent) -> None:
    """The store holds what was sent: every cell, every event, every dead letter and repeat; no gap, no overlap."""
    cells, dead, repeats = recount(sent)
    [totals] = ask(
        dsn,
        "SELECT sum(accepted) AS accepted, sum(dead_letters) AS dead, sum(duplicates) AS repeats "
        "FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'",
    )
    assert _numbers(totals) == {"accepted": sum(cells.values()), "dead": dead, "repeats": repeats}
    rows = ask(
        dsn,
        "SELECT feature, toUnixTimestamp(window_start) AS start, bitAnd(mask, 8) != 0 AS refused, sum(n) AS n "
        "FROM windows WHERE row_kind = 'cell' GROUP BY 1, 2, 3",
    )
    found = {(row["feature"], int(row["start"]), bool(row["refused"])): int(row["n"]) for row in rows}
    assert found == dict(cells)
    assert int(ask(dsn, "SELECT count() AS n FROM events")[0]["n"]) == sum(cells.values())
    assert int(ask(dsn, "SELECT count() AS n FROM offset_audit WHERE gap != 0")[0]["n"]) == 0


def _numbers(row: dict[str, Any]) -> dict[str, int]:
    return {name: int(value) for name, value in row.items()}
