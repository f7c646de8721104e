"""Mutated events through the real path: each is counted or refused as one process alone decides."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings

from schemas.codec import Reject, decode
from schemas.outcomes import Bit, evaluation_mask, interaction_mask
from schemas.telemetry import Evaluation, Heartbeat, Interaction
from tests.e2e.bad_input_checks import check_counts, check_letters, check_no_trace, finish, send, total
from tests.e2e.bad_records import (
    _BASE,
    ADAPTERS,
    CANARY,
    CHANGES,
    REVIEWS,
    SECRET,
    TELEMETRY,
    Case,
    Cell,
    _numbers,
    good,
    stamp,
)
from tests.e2e.processes import Workers
from tests.schemas import strategies as messages

SHARP: tuple[bytes, ...] = (
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"9" * 400, b"18446744073709551616", b'"\xff"', rb'"\ud800"',
    rb'"\u0000"', b'"a\nb"',
    b"[" * 300 + b"]" * 300, b"", b"null", b"{}", b"[]", b'""', b"1", b"true", b"1} {", b'1, "kind": "heartbeat"',
    json.dumps(CANARY).encode(), b'{"prompt": ' + json.dumps(CANARY).encode() + b"}",
)  # fmt: skip
_HERE = "raw-json-goes-here"


def documents(topic: str, examples: int) -> list[messages.Document]:
    """Valid messages of a topic, as hypothesis thinks them up."""
    found: list[messages.Document] = []

    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(messages.DOCUMENTS[topic])
    def collect(document: messages.Document) -> None:
        found.append(document)

    collect()
    return found


def mutant(document: messages.Document, chance: random.Random) -> bytes:
    """A message of recent time, as it is or with one thing wrong in it; now and then with its own id and time."""
    if chance.random() < 0.95:
        document = document | {"event_id": f"mutant-{next(_numbers):06d}"}
    if chance.random() < 0.95:
        at = stamp(datetime.fromtimestamp(_BASE - chance.uniform(0, 600), UTC))
        # A heartbeat since long ago is 60,000 windows to the scorer, and a worker does not end before it has scored.
        document = document | {"ts": at} | ({"started_at": at} if "started_at" in document else {})
    how = chance.choice(["whole"] * 4 + ["value", "value", "key", "byte", "cut"])
    if how == "value":
        document = messages.replaced(document, chance.choice(list(messages.paths(document))), _HERE)
    if how == "key":
        name = chance.choice([CANARY, "prompt", "kind", SECRET])
        document = messages.replaced(document, (*chance.choice(messages.objects(document)), name), _HERE)
    value = bytearray(json.dumps(document).encode().replace(json.dumps(_HERE).encode(), chance.choice(SHARP)))
    position = chance.randrange(len(value))
    if how == "byte":
        value[position] = chance.randrange(256)
    return bytes(value[:position] if how == "cut" else value)


def mutated(chance: random.Random) -> list[tuple[str, bytes]]:
    """(topic, bytes) of some hundreds, in any order."""
    found = [
        (topic, mutant(document, chance))
        for topic, examples in ((TELEMETRY, 400), (CHANGES, 75), (REVIEWS, 75))
        for document in documents(topic, examples)
    ]
    chance.shuffle(found)
    return found


def judged(topic: str, value: bytes) -> tuple[Case, str]:
    """What `decode` and the clock say of it, and its event id."""
    event = decode(ADAPTERS[topic], value)
    if isinstance(event, Reject):
        return Case(topic, value, event.reason), ""
    age = datetime.now(UTC) - event.ts
    if age < timedelta(minutes=-5) or age > timedelta(days=400):
        return Case(topic, value, "too_old" if age > timedelta(0) else "from_the_future"), ""
    if isinstance(event, Heartbeat) and event.started_at > event.ts:
        return Case(topic, value, "bad_value"), ""
    if not isinstance(event, Interaction | Evaluation):
        return Case(topic, value), event.event_id
    mask = interaction_mask(event) if isinstance(event, Interaction) else evaluation_mask(event)
    refused = mask & Bit.REFUSED != 0
    return Case(topic, value, cell=(event.feature, int(event.ts.timestamp()) // 10 * 10, refused)), event.event_id


def test_mutated_events_are_counted_or_refused_as_in_one_process(workers: Workers) -> None:
    judgements = [judged(topic, value) for topic, value in mutated(random.Random(13))]
    ids = {id(case): event_id for case, event_id in judgements}
    marker = good()
    sent = send(workers.broker, [marker, *(case for case, _ in judgements)])
    seen = set[tuple[str, int, str]]()
    cells: Counter[Cell] = Counter()
    repeats = 0
    for (topic, partition, _), case in sorted(sent.items(), key=lambda item: item[0]):
        known = (topic, partition, ids.get(id(case), "marker"))
        if case.reason is None and known in seen:
            repeats += 1
        elif case.reason is None:
            seen.add(known)
            cells.update([case.cell] if case.cell is not None else [])
    assert cells.total() > 100
    bad_ones = sum(case.reason is not None for case in sent.values())
    assert bad_ones > 150
    worker = workers.start()
    text = finish(workers, worker, len(sent))
    assert total(text, "vigil_insert_failures_total") == 0
    assert total(text, "vigil_duplicates_total") == repeats
    check_letters(workers, sent)
    check_counts(workers, cells, cells.total(), bad_ones)
    assert marker.cell is not None
    check_no_trace(workers, text, marker.cell[0].encode())


# What does not hold yet. Each becomes an ordinary test when it does.
