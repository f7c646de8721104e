"""The stored query that tells a pool's features apart."""

from typing import Any

from clickhouse_connect.driver.client import Client

from tests.alerts.test_queries import BAD, END, GOOD, ONSET, ask, text
from tests.store.seeds import at, cell, insert


def members(store: Client, rows: list[dict[str, Any]], pool: str) -> list[dict[str, Any]]:
    insert(store, "windows", rows)
    times = {"from": text(at(ONSET)), "to": text(at(END)), "baseline_minutes": 60}
    return ask(store, "which_members", feature=pool, kpi="refusal_rate", **times)


def counted(seconds: float, bad: int, good: int, **cut: Any) -> list[dict[str, Any]]:
    return [cell(seconds, mask, n=n, **cut) for mask, n in ((BAD, bad), (GOOD, good))]


def test_which_members_ranks_the_features_of_the_pool_alone_by_what_their_own_past_does_not_foretell(
    store: Client,
) -> None:
    chat, search = {"feature": "chat", "model": "m1", "region": "eu"}, {"feature": "search", "model": "m1"}
    rows = [
        *counted(ONSET - 100, 10, 90, **chat), *counted(ONSET + 100, 30, 70, **chat),
        *counted(ONSET - 100, 40, 60, **search), *counted(ONSET + 100, 45, 55, **search),
        *counted(ONSET + 100, 1, 9, feature="young", model="m1"),
        *counted(ONSET + 100, 90, 10, feature="elsewhere", model="m2"),
        *counted(ONSET + 100, 90, 10, feature="chat", model="m2"),
    ]  # fmt: skip
    found = members(store, rows, "pool:model=m1")
    names = ("feature", "bad", "evaluated", "rate", "rate_before", "excess")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("chat", 30, 100, 0.3, 0.1, 20.0),
        ("search", 45, 100, 0.45, 0.4, 5.0),
        ("young", 1, 10, 0.1, None, None),
    ]


def test_which_members_knows_pools_by_other_dimensions(store: Client) -> None:
    rows = [
        *counted(ONSET + 100, 3, 7, feature="chat", region="eu"),
        *counted(ONSET, 1, 1, feature="chat", region="us"),
    ]
    (row,) = members(store, rows, "pool:region=eu")
    assert (row["bad"], row["evaluated"]) == (3, 10)
