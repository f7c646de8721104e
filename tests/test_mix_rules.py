"""What is asked, and how it is answered: a change of the one must not page as a change of the other."""

from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.learner import Library
from monitor.store.windows import insert_cells
from monitor.windows import DIMENSIONS
from schemas.outcomes import Bit
from tests.test_scorekeeper import LOOKED, START
from tests.test_take_up import Said, begun, on

SIZE, CHANGE = 2400, 2000
RATES = {"code": 0.01, "medical": 0.3}


def fill(store: Client, medical_after: float, times_after: float) -> None:
    """A tenth asks for medical advice; after CHANGE this share does, and every rate is so many times what it was."""
    chance = np.random.default_rng(12)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for window in range(SIZE):
        changed = window >= CHANGE
        total = int(chance.poisson(200))
        medical = int(chance.binomial(total, medical_after if changed else 0.1))
        for category, asked in (("medical", medical), ("code", total - medical)):
            refused = int(chance.binomial(asked, RATES[category] * (times_after if changed else 1.0)))
            for mask, n in ((LOOKED, asked - refused), (LOOKED | Bit.REFUSED, refused)):
                row = {"window_start": START + 10 * window, "feature": "chat", "prompt_category": category}
                for name, column in columns.items():
                    column.append((row | {"mask": mask, "n": n, "weight": n}).get(name, ""))
    insert_cells(store, "test", columns, "test", "mix")


def said(store: Client) -> Said:
    library = Library(lambda: store)
    try:
        return on(begun(store, library, 1900), store, SIZE)
    finally:
        library.close()


def opened(found: Said) -> dict[str, tuple[str, str]]:
    first = {one.incident_id: one for one in reversed(found.incidents)}
    return {one.kpi: (one.direction, one.severity) for one in first.values()}


def test_a_change_in_what_is_asked_is_told_as_that_and_pages_nobody(store: Client) -> None:
    fill(store, medical_after=0.25, times_after=1.0)
    assert opened(said(store)) == {"prompt_mix": ("up", "info")}


def test_a_change_in_how_it_is_answered_pages_under_another_mix_too(store: Client) -> None:
    fill(store, medical_after=0.25, times_after=2.0)
    assert opened(said(store))["refusal_rate"] == ("up", "critical")


def test_rates_that_fall_are_seen_though_the_whole_does_not_move(store: Client) -> None:
    fill(store, medical_after=0.3, times_after=0.4)
    assert opened(said(store))["refusal_rate"] == ("down", "warning")
