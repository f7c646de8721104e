"""What the scanner reads and what is read one by one counts the same, is stored the same, and is late the same."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.records import Limits
from monitor.windows import SliceCap, Watermark
from schemas.topics import TELEMETRY_TOPIC
from tests.scan.both_ways import both_ways
from tests.scan.native import stored, told

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
LIMITS = Limits(max_skew=timedelta(minutes=5), max_age=timedelta(days=400))
GUARDRAIL = {"name": "shield", "stage": "output", "category": "hate", "action": "allow", "outcome": "evaluated"}
EXTRAS: list[dict[str, Any]] = [
    {}, {"refusal": {"refused": True}}, {"sample_weight": 3}, {"synthetic": "probe-0001"}, {"feature": "Bad Name"},
    {"kind": "heartbeat", "started_at": "2026-11-20T00:00:00Z", "interactions": 5}, {"prompt": "x"},
    {"tenant": "0" * 32},
    {"guardrails": [GUARDRAIL | {"verdict": "deny"}]}, {"guardrails": [GUARDRAIL, GUARDRAIL | {"action": "block"}]},
    {"kind": "evaluation", "signal": "refusal", "outcome": "evaluated", "bad": True, "evaluator": "judge"},
    {"latency_ms": 1e-7}, {"redaction": {"status": "applied", "version": None}}, {"finish_reason": "refusal"},
]  # fmt: skip
AGES = [0, 0, 1, 4, 7, 16, 40, 600, 86_000, 90_000, 86_400 * 500, -200, -400]


def record(chance: random.Random, number: int) -> bytes | None:
    at = NOW - timedelta(seconds=chance.choice(AGES) + chance.random())
    said = {
        "kind": "interaction",
        "event_id": f"event-{chance.choice([number, number, number, chance.randrange(300)]):05d}",
        "ts": at.isoformat().replace("+00:00", chance.choice(["Z", "Z", "Z", "+00:00"])),
        "emitter": "a",
        "feature": f"feature-{chance.randrange(4)}",
        "model": f"model-{chance.randrange(12)}",
    }
    value = json.dumps(said | chance.choice(EXTRAS)).encode()
    return chance.choice([value] * 30 + [None, b"", value[:-9], value + b" "])


def outcome(batches: Sequence[list[bytes | None]], gap: int) -> Any:
    held = Partition(TELEMETRY_TOPIC, 3, 0, IdMemory(600_000, 700), Watermark(5.0, 15.0), SliceCap(20))
    tallies = []
    for values in batches:
        first = held.next_offset
        offsets = [first + at * (1 + gap) for at in range(len(values))]
        last = offsets[-1] if offsets else first - 1
        logged = [1_795_000_000_000 + offset for offset in offsets]
        batch = Batch("ai.telemetry", 3, first, first, last, values, logged, offsets if gap else None)
        tallies.append(held.take(batch, NOW, LIMITS))
    pending = held.pending
    return (
        tallies, pending.cells, pending.letters, pending.tally, pending.events, held.watermark, held.memory,
        list(map(told, stored(pending))), len(held.pending.lines.get("heartbeats", [])),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_both_ways_agree_on_everything_they_say(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice([0, 1, 5, 200, 900]) for _ in range(6)] + [700]
    batches = [[record(chance, 1000 * batch + at) for at in range(size)] for batch, size in enumerate(sizes)]
    outcome(batches, 0)  # the slices are learnt
    whole, other, scanned = both_ways(lambda: outcome(batches, seed % 3), monkeypatch)
    assert whole == other
    assert scanned > sum(sizes) // 3
