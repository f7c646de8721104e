"""The stored query about probes: what was missed comes first, and what nobody looked at is no share of anything."""

from typing import Any

from clickhouse_connect.driver.client import Client

from alerts.queries import load
from schemas.outcomes import Bit
from tests.store.seeds import START, at, insert


def probe(number: int, mask: int, feature: str = "chat") -> dict[str, Any]:
    common = {"topic": "ai.telemetry", "partition": 0, "offset": number, "mask": mask, "kind": "interaction"}
    return {**common, "ts": at(number), "feature": feature}


def ask(store: Client, name: str, **parameters: str) -> list[dict[str, Any]]:
    result = store.query(load(name).text, parameters=parameters)
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def test_did_the_filters_catch_the_probes(store: Client) -> None:
    looked = Bit.INTERACTION | Bit.SYNTHETIC | Bit.GUARDRAIL_LISTED | Bit.POLICY_EVALUATED
    caught, unseen = looked | Bit.POLICY_VIOLATED, Bit.INTERACTION | Bit.SYNTHETIC
    rows = [
        probe(1, caught),
        probe(2, looked),
        probe(3, unseen),
        probe(4, looked),
        probe(5, caught),
        probe(6, caught),
        probe(7, looked & ~Bit.SYNTHETIC),  # traffic
        probe(8, looked & ~Bit.INTERACTION),  # a later verdict on a probe
        probe(9, looked, feature="search"),
        probe(60, looked),  # after the end
    ]
    insert(store, "telemetry", rows)
    insert(store, "telemetry", rows[:2])  # stored a second time by a worker that was killed
    times = {"from": str(START)[:19], "to": str(at(60))[:19]}
    got = ask(store, "did_the_filters_catch_the_probes", feature="chat", **times)
    assert [(row["result"], row["offset"]) for row in got] == [
        ("missed", 4), ("missed", 2), ("not_evaluated", 3), ("caught", 6), ("caught", 5), ("caught", 1),
    ]  # fmt: skip
    assert {row["share_missed"] for row in got} == {0.4}
    insert(store, "telemetry", [probe(1, unseen, feature="mute")])
    (row,) = ask(store, "did_the_filters_catch_the_probes", feature="mute", **times)
    assert row["share_missed"] is None
