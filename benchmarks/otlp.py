"""`make bench-otlp`: OTLP spans per CPU second, from Kafka's bytes to rows and cells; QUICK=1 for a check.

In one process and without Kafka or a store: what `OtlpPartition.take` costs, and nothing else. Every span of a message
counts as one, whether it becomes an event or not; so two mixes are measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import process_time

from benchmarks.common import Spread, about, finish, guarded, is_quick, say, spread, turned
from benchmarks.spans import AGENTS, CHATS, Shape, make
from monitor.batch import Batch
from monitor.clock import now
from monitor.errors import UserError
from monitor.memory import IdMemory
from monitor.otlp import OtlpPartition
from monitor.records import Limits
from monitor.settings import environment
from monitor.windows import SliceCap, Watermark
from schemas.topics import OTLP_TOPIC

_MIXES = {"": AGENTS, "_chats": CHATS}
_BATCH = 100
"""Messages that one fetch brings."""
_LIMITS = Limits(timedelta(minutes=5), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: spans of each mix in each encoding, and how often."""

    spans: int
    rounds: int


FULL = Plan(40_000, 7)
QUICK = Plan(20_000, 3)


def main() -> None:
    """Measure, and print one JSON object last. Raises UserError when an event got lost."""
    quick = is_quick(environment())
    plan = QUICK if quick else FULL
    moment = now()
    begin = int((moment - timedelta(minutes=1)).timestamp()) * 10**9
    messages: dict[str, list[bytes]] = {}
    events: dict[str, int] = {}
    for mix, trace in _MIXES.items():
        proto, json = make(Shape(plan.spans, begin, trace))
        messages |= {f"otlp_proto{mix}": proto, f"otlp_json{mix}": json}
        events |= dict.fromkeys((f"otlp_proto{mix}", f"otlp_json{mix}"), trace.count("chat") * plan.spans // len(trace))
    rates: dict[str, list[float]] = {name: [] for name in messages}
    for turn in range(plan.rounds):
        say(f"round {turn + 1} of {plan.rounds}: {plan.spans:,} spans of each mix in each encoding")
        for name in turned(list(messages), turn):
            rates[name].append(plan.spans / cpu_seconds_of(messages[name], events[name], moment))
    result = {**described(rates), "spans": plan.spans, "rounds": plan.rounds, **about(quick)}
    finish("otlp", result, quick)


def cpu_seconds_of(messages: Sequence[bytes], events: int, moment: datetime) -> float:
    """What a partition takes for these. Raises UserError when it does not find this many events."""
    partition = OtlpPartition(OTLP_TOPIC, 0, 0, IdMemory(600_000, 1_000_000), Watermark(5.0, 15.0), SliceCap(1000))
    found = 0
    began = process_time()
    for first in range(0, len(messages), _BATCH):
        values: list[bytes | None] = list(messages[first : first + _BATCH])
        batch = Batch(OTLP_TOPIC.name, 0, first, first, first + len(values) - 1, values, [0] * len(values), None)
        found += partition.take(batch, moment.astimezone(UTC), _LIMITS).accepted
        partition.reset()
    took = process_time() - began
    if found != events:
        raise UserError(f"{found} events came out of the spans instead of {events}")
    return took


def described(rates: dict[str, list[float]]) -> dict[str, object]:
    """The result's numbers: medians at the top, spreads beside them. Keys end in _per_cpu_s."""
    found: dict[str, Spread] = {f"{name}_per_cpu_s": one for name, values in rates.items() if (one := spread(values))}
    return {
        **{name: round(one.median) for name, one in found.items()},
        "spreads": {name: one.rounded() for name, one in found.items()},
    }


if __name__ == "__main__":
    raise SystemExit(guarded(main))
