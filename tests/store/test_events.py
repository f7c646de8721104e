"""No accepted event makes an insert fail, and what is read back is what was accepted."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.records import Limits
from monitor.store.events import insert_blocks, insert_rows, read_ids
from monitor.windows import SliceCap, Watermark
from schemas.outcomes import Bit, evaluation_mask, interaction_mask
from schemas.telemetry import Evaluation, Interaction
from schemas.topics import CHANGES_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC, Topic
from tests.schemas import strategies as messages

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANY_TIME = Limits(timedelta(days=100_000), timedelta(days=100_000))
"""So that every time of the contract is stored, not only those near NOW."""
BATCH = 250


def documents(topic: Topic, examples: int) -> list[messages.Document]:
    """Valid messages by chance, each with an event id of its own."""
    found: dict[str, messages.Document] = {}

    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(messages.DOCUMENTS[topic.name])
    def collect(document: messages.Document) -> None:
        if document["event_id"] in found:
            document = document | {"event_id": f"repeated-{len(found)}"}
        if document.get("kind") == "heartbeat":  # nobody starts after it has counted
            document = document | {
                "started_at": min(document["ts"], document["started_at"], key=lambda text: str(text)[:19])
            }
        found[document["event_id"]] = document

    collect()
    return list(found.values())


def taken(topic: Topic, values: Sequence[bytes]) -> Partition:
    """A partition that has taken all of them, and refused none."""
    held = Partition(topic, 3, 0, IdMemory(600_000, 100_000), Watermark(5.0, 15.0), SliceCap(10_000))
    for first in range(0, len(values), BATCH):
        part = list(values[first : first + BATCH])
        held.take(
            Batch(topic.name, 3, first, first, first + len(part) - 1, [*part], [0] * len(part), None), NOW, ANY_TIME
        )
    assert held.pending.tally.accepted == len(values)
    return held


def insert(client: Client, held: Partition) -> None:
    for table, lines in held.pending.lines.items():
        for first in range(0, len(lines), BATCH):
            insert_rows(client, table, lines[first : first + BATCH])
    for table, blocks in held.pending.blocks.items():
        insert_blocks(client, table, blocks)


_NOTHING: dict[str, Any] = {
    "refusal": {"refused": None, "by": None, "quality": None},
    "pii": {"input": [], "output": []},
    "injection": {"detected": None, "vector": None, "succeeded": None},
    "grounding": {"required": None, "grounded": None},
    "redaction": {"status": "", "version": ""},
    "input": [],
    "output": [],
    **dict.fromkeys(("by", "quality", "score", "latency_ms", "vector", "succeeded", "grounded", "tokens_input")),
    **dict.fromkeys(("tokens_output", "bad", "rollout")),
}
"""What a column holds where a field was not said; "" where it is not listed."""


def column(name: str, value: Any) -> Any:
    """What a column holds for a field of a model."""
    if value is None:
        return _NOTHING.get(name, "")
    if isinstance(value, BaseModel):
        return {inner: column(inner, getattr(value, inner)) for inner in type(value).model_fields}
    if isinstance(value, tuple):
        return [column("", item) for item in value]
    return value


def mask_of(event: BaseModel) -> int | None:
    if isinstance(event, Interaction):
        return interaction_mask(event)
    return evaluation_mask(event) if isinstance(event, Evaluation) else None


def read(client: Client, table: str) -> dict[int, dict[str, Any]]:
    """Rows by offset; times with their zone, as in the models."""
    zone: dict[str, str | tzinfo] = {"ts": "UTC", "started_at": "UTC"}
    found = client.query(f"SELECT * FROM {table} WHERE partition = 3", tz_mode="aware", column_tzs=zone)
    return {row["offset"]: row for row in found.named_results()}


@pytest.mark.parametrize(
    ("topic", "examples"),
    [(TELEMETRY_TOPIC, 3000), (CHANGES_TOPIC, 400), (REVIEWS_TOPIC, 400)],
    ids=lambda value: value.name if isinstance(value, Topic) else "",
)
def test_every_accepted_event_is_stored_as_it_is(store: Client, topic: Topic, examples: int) -> None:
    values = [json.dumps(document).encode() for document in documents(topic, examples)]
    events = [topic.adapter.validate_json(value) for value in values]
    assert len(events) > examples * 0.8
    held = taken(topic, values)
    insert(store, held)
    insert(store, held)  # a second try after a lost answer
    rows: dict[int, dict[str, Any]] = {}
    for table in held.pending.lines | held.pending.blocks:
        store.command(f"OPTIMIZE TABLE {table} FINAL")
        rows |= read(store, table)
    assert sorted(rows) == list(range(len(events)))
    for event, row in zip(events, (rows[offset] for offset in range(len(events))), strict=True):
        names = type(event).model_fields
        assert {name: row[name] for name in names} == {name: column(name, getattr(event, name)) for name in names}
        mask = row.get("mask")  # when it came is not of the event, but of the order of all
        assert (mask if mask is None else mask & ~(Bit.LATE | Bit.VERY_LATE)) == mask_of(event)
    stored = read_ids(store, topic.name, 3, 0)
    assert sorted(stored) == [(offset, event.event_id) for offset, event in enumerate(events)]
