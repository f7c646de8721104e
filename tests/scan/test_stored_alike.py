"""A record that the scanner wrote and one that was written as JSON are the same row of the real table."""

import json
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.scan.scanner import Scanner
from monitor.scan.table import telemetry_columns
from monitor.store.events import insert_blocks, insert_rows
from monitor.windows import DIMENSIONS
from schemas.fast import FAST
from schemas.topics import TELEMETRY_TOPIC
from tests.store.test_events import documents

FAST_WAY = FAST["ai.telemetry"]


def test_the_columns_are_those_of_the_table(store: Client) -> None:
    found = store.query("DESCRIBE telemetry", settings={"print_pretty_type_names": 0}).result_rows
    assert telemetry_columns() == {row[0]: row[1] for row in found}


def test_both_forms_are_the_same_rows(store: Client) -> None:
    scanner = Scanner()
    said = documents(TELEMETRY_TOPIC, 900)
    values = [json.dumps(document).encode() for document in said if document["kind"] == "interaction"]
    events, moments = FAST_WAY.decode(values)
    assert None not in moments
    scanner.learn([tuple(getattr(event, name) for name in DIMENSIONS) for event in events] * 2)
    scanned = scanner.scan(values)
    assert len(scanned) > len(values) // 2
    for at, event in enumerate(events):
        event.topic, event.partition, event.offset, event.mask = "ai.telemetry", 2, at, 0
    scanned.mask[:] = 0
    chosen = scanned.position.tolist()
    insert_blocks(store, "telemetry", [scanner.block(scanned, "ai.telemetry", 1, np.arange(len(values)))])
    insert_rows(store, "telemetry", [FAST_WAY.rows([events[at] for at in chosen])])
    query = "SELECT * EXCEPT (partition, inserted_at) FROM telemetry WHERE partition = {number:UInt32} ORDER BY offset"
    one, other = (store.query(query, {"number": number}).result_rows for number in (1, 2))
    assert len(one) == len(chosen)
    assert one == other


def test_columns_that_no_record_of_a_block_fills_are_left_out_and_mean_the_same(store: Client) -> None:
    scanner = Scanner()
    said = {"kind": "interaction", "ts": "2026-11-20T00:00:00Z", "emitter": "a", "feature": "f"}
    verdict = {"name": "shield", "stage": "output", "category": "violence", "verdict": "allow", "action": "allow"}
    more = {"sample_weight": 3, "locale": "de", "tokens_input": 4, "guardrails": [verdict | {"outcome": "evaluated"}]}
    told: list[dict[str, Any]] = [{}, more, {"locale": "de"}, {"locale": None}]
    values = [json.dumps(said | {"event_id": f"event-{at:02}"} | told[at]).encode() for at in range(4)]
    events, _ = FAST_WAY.decode(values)
    scanner.learn([tuple(getattr(event, name) for name in DIMENSIONS) for event in events] * 2)
    blocks = [
        scanner.block(scanner.scan([value]), "ai.telemetry", 1, np.array([at])) for at, value in enumerate(values)
    ]
    assert len(blocks[0]) < len(blocks[1]) / 2
    assert len(blocks[0]) < len(blocks[2])
    for at, event in enumerate(events):
        event.topic, event.partition, event.offset = "ai.telemetry", 2, at
        event.mask = int(scanner.scan([values[at]]).mask[0])
    for insert in (blocks, blocks[::-1]):  # whichever comes first
        store.command("TRUNCATE TABLE telemetry")
        insert_blocks(store, "telemetry", insert)
        insert_rows(store, "telemetry", [FAST_WAY.rows(events)])
        query = "SELECT * EXCEPT (partition, inserted_at) FROM telemetry WHERE partition = {n:UInt32} ORDER BY offset"
        one, other = (store.query(query, {"n": number}).result_rows for number in (1, 2))
        assert len(one) == 4
        assert one == other
