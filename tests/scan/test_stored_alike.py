"""A record that the scanner wrote and one that was written as JSON are the same row of the real table."""

import json

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
    assert len(scanned.ids) > len(values) // 2
    for at, event in enumerate(events):
        event.topic, event.partition, event.offset, event.mask = "ai.telemetry", 2, at, 0
    scanned.mask[:] = 0
    chosen = scanned.position.tolist()
    insert_blocks(store, "telemetry", [scanner.block(scanned, "ai.telemetry", 1, range(len(values)))])
    insert_rows(store, "telemetry", [FAST_WAY.rows([events[at] for at in chosen])])
    query = "SELECT * EXCEPT (partition, inserted_at) FROM telemetry WHERE partition = {number:UInt32} ORDER BY offset"
    one, other = (store.query(query, {"number": number}).result_rows for number in (1, 2))
    assert len(one) == len(chosen)
    assert one == other
