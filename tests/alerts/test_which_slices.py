"""The stored query that names the suspects: each of them once, and nothing that holds the same events."""

from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from tests.alerts.test_queries import BAD, END, GOOD, ONSET, ask, text, traffic
from tests.store.seeds import at, cell, insert


def slices(store: Client, rows: list[dict[str, Any]], onset: float = ONSET, end: float = END) -> list[dict[str, Any]]:
    insert(store, "windows", rows)
    times = {"from": text(at(onset)), "to": text(at(end)), "baseline_minutes": 60}
    return ask(store, "which_slices", feature="chat", kpi="refusal_rate", **times)


def test_which_slices_names_a_value_and_nothing_that_holds_the_same_events(store: Client) -> None:
    (row,) = slices(store, traffic(2, {"model": "m2"}))
    assert row["slice_name"] == "model=m2"
    assert row["share"] == row["adds"] == pytest.approx(1.0, abs=0.05)
    assert row["rate"] == pytest.approx(0.3, abs=0.02)
    assert row["expected_rate"] == pytest.approx(0.02, abs=0.005)


def test_which_slices_names_a_pair_and_neither_of_the_values_that_hold_it(store: Client) -> None:
    (row,) = slices(store, traffic(3, {"model": "m2", "region": "us"}))
    assert row["slice_name"] == "model=m2 and region=us"
    assert row["share"] == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    "suspects",
    [
        ({"model": "m2"}, {"user_segment": "paid"}),
        ({"model": "m2", "region": "us"}, {"user_segment": "paid", "region": "eu"}),
        ({"model": "m1", "region": "eu"}, {"model": "m2", "region": "us"}),
    ],
    ids=["values", "pairs", "pairs apart"],
)
def test_which_slices_names_two_suspects_and_what_each_adds(
    store: Client, suspects: tuple[dict[str, str], ...]
) -> None:
    rows = slices(store, traffic(4, *suspects))
    names = {" and ".join(f"{key}={value}" for key, value in sorted(one.items())) for one in suspects}
    assert {" and ".join(sorted(row["slice_name"].split(" and "))) for row in rows} == names
    assert sum(row["adds"] for row in rows) == pytest.approx(1.0, abs=0.05)
    assert all(row["adds"] <= row["share"] + 0.05 for row in rows)


def test_which_slices_names_none_where_every_slice_changed_alike(store: Client) -> None:
    assert slices(store, traffic(5, {"release": "r7"})) == []


def test_which_slices_names_none_where_nothing_changed(store: Client) -> None:
    assert slices(store, traffic(6)) == []


def mixed(seconds: float, bad: int, good: int, **cut: Any) -> list[dict[str, Any]]:
    return [cell(seconds, mask, n=n, feature="chat", **cut) for mask, n in ((BAD, bad), (GOOD, good))]


def test_which_slices_by_hand(store: Client) -> None:
    rows = [*mixed(0, 10, 100, model="m1"), *mixed(600, 10, 90, model="m1"), *mixed(600, 30, 20, model="new")]
    (row,) = slices(store, rows, 600, 700)
    rate = 10 / 110
    all_excess, excess = 40 - 150 * rate, 30 - 50 * rate
    assert row["slice_name"] == "model=new"
    assert row["excess"] == round(excess, 1)
    assert row["share"] == row["adds"] == round(excess / all_excess, 2)
    assert (row["bad"], row["evaluated"], row["evaluated_before"]) == (30, 50, 0)
    # Had the excess been spread evenly over the 150, so many of the 40 would have been among the 50 and the 100.
    of_50, of_100 = 50 * (rate + all_excess / 150), 40 - 50 * (rate + all_excess / 150)
    precision = 1 / (of_50 * (1 - of_50 / 50)) + 1 / (of_100 * (1 - of_100 / 100))
    assert row["evidence"] == round((excess - 50 * all_excess / 150) ** 2 * precision / (1 + 50 / 110), 1)


def test_which_slices_names_a_value_that_is_new_and_all_there_is_when_nothing_else_stands_out(store: Client) -> None:
    before = [*mixed(0, 20, 980, model="m1", release="r1"), *mixed(0, 20, 980, model="m2", release="r1")]
    even = [*mixed(600, 100, 900, model="m1", release="r2"), *mixed(600, 100, 900, model="m2", release="r2")]
    (row,) = slices(store, before + even, 600, 700)
    assert (row["slice_name"], row["share"]) == ("release=r2", 1.0)


def test_which_slices_blames_the_part_of_what_is_new_that_changed_and_not_all_of_it(store: Client) -> None:
    before = [*mixed(0, 20, 980, model="m1", release="r1"), *mixed(0, 20, 980, model="m2", release="r1")]
    uneven = [*mixed(600, 20, 980, model="m1", release="r2"), *mixed(600, 200, 800, model="m2", release="r2")]
    (row,) = slices(store, before + uneven, 600, 700)
    assert (row["slice_name"], row["share"]) == ("model=m2 and release=r2", 1.0)


@pytest.mark.parametrize(("extra", "named"), [(600, 2), (400, 1)])
def test_which_slices_names_a_second_suspect_only_for_a_twentieth_of_the_excess(
    store: Client, extra: int, named: int
) -> None:
    rows = [one for model in ("m1", "m2", "m3") for one in mixed(0, 2000, 98_000, model=model)]
    rows += [*mixed(600, 2000, 98_000, model="m1"), *mixed(600, 12_000, 88_000, model="m2")]
    rows += mixed(600, 2000 + extra, 98_000 - extra, model="m3")
    found = slices(store, rows, 600, 700)
    assert [row["slice_name"] for row in found] == ["model=m2", "model=m3"][:named]
