"""A scorer that has just started is where one that never stopped would be, whatever came late in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from monitor.learner import Asked, Library
from monitor.policy import SHIPPED_POLICY, load_policy
from monitor.scoring import Scorer
from monitor.store.windows import insert_cells
from monitor.terms import terms_of
from monitor.windows import DIMENSIONS
from schemas.finding import Incident, Score
from schemas.outcomes import Bit
from tests.test_scorekeeper import LOOKED, START

BY = terms_of(load_policy(SHIPPED_POLICY))
SIZE, SPIKE = 3000, 2400


def put(store: Client, window: int, counts: dict[tuple[str, int], int], token: str) -> None:
    """Events of one window: (feature, mask) to how many."""
    rows = [(feature, mask, n) for (feature, mask), n in counts.items() if n]
    columns: dict[str, list[Any]] = {name: [""] * len(rows) for name in DIMENSIONS}
    columns |= {"window_start": [START + 10 * window] * len(rows), "feature": [row[0] for row in rows]}
    columns |= {name: [row[2] for row in rows] for name in ("n", "weight")}
    insert_cells(store, "test", columns | {"mask": [row[1] for row in rows]}, "test", token)


def split(feature: str, window: int, total: int) -> list[tuple[str, int]]:
    """What is asked of `chat`: two things, and late in the past a third."""
    if feature != "chat":
        return [("", total)]
    code = total // (3 if window % 500 < 250 else 2)
    new = total // 10 if window > SPIKE + 100 else 0
    return [("code", code), ("talk", total - code - new), ("verse", new)]


@pytest.fixture(name="past")
def _past(store: Client) -> Client:
    chance = np.random.default_rng(8)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for window in range(SIZE):
        for feature, mean, rate in (("chat", 200, 0.04), ("search", 30, 0.1), ("rare", 2, 0.02)):
            n = int(chance.poisson(mean))
            bad = int(chance.binomial(n, rate * (4 if feature == "chat" and SPIKE <= window < SPIKE + 60 else 1)))
            for mask, total in ((LOOKED, n - bad), (LOOKED | Bit.REFUSED, bad)):
                for category, count in split(feature, window, total):
                    row = {"window_start": START + 10 * window, "feature": feature, "prompt_category": category}
                    for name, column in columns.items():
                        column.append((row | {"mask": mask, "n": count, "weight": count}).get(name, ""))
    insert_cells(store, "test", columns, "test", "past")
    return store


def begun(store: Client, library: Library, window: int, still_open: Sequence[Incident] = ()) -> Scorer:
    scorer = Scorer(BY, library, START + 10 * window, 100)
    scorer.take_up(store, still_open, patience=60.0)
    return scorer


@dataclass
class Said:
    scores: list[Score] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    def after(self, window: int) -> "Said":
        when = datetime.fromtimestamp(START + 10 * window, UTC)
        scores = [score for score in self.scores if score.window_start >= when]
        return Said(scores, [one for one in self.incidents if (one.resolved_at or one.detected_at) > when])

    def open_at(self, window: int) -> list[Incident]:
        when = datetime.fromtimestamp(START + 10 * window, UTC)
        begun = {one.incident_id: one for one in self.incidents if one.detected_at <= when and one.state == "open"}
        ended = {one.incident_id for one in self.incidents if one.resolved_at is not None and one.resolved_at <= when}
        return [one for name, one in begun.items() if name not in ended]


def on(scorer: Scorer, store: Client, window: int) -> Said:
    """What it says until that window; of opinions that never page nothing."""
    said = Said()
    while scorer.until < START + 10 * window:
        calendar = scorer.calendar
        asked = {name: Asked(at, calendar.first[name]) for name, at in calendar.due(scorer.until).items()}
        scorer.library.get(store, BY, asked, 60.0)  # as if there were time
        found = scorer.advance(store, START + 10 * window)
        said.scores += [score for score in found.scores if score.detector == BY.detector]
        said.incidents += found.incidents
    return said


@pytest.mark.parametrize("restart", [900, 1501, SPIKE + 20, SPIKE + 90])
def test_a_restart_changes_no_bit_of_what_is_said_later(past: Client, library: Library, restart: int) -> None:
    through = on(begun(past, library, 100), past, SIZE)
    again = on(begun(past, library, restart, through.open_at(restart)), past, SIZE)
    assert len(again.scores) > 3 * (SIZE - restart)
    assert again.after(restart).scores == through.after(restart).scores
    resolved = [one for one in through.incidents if one.state == "resolved"]
    assert [one.feature for one in resolved] == ["chat"]
    if restart < SPIKE:
        assert again.after(SPIKE) == through.after(SPIKE)
    else:
        assert [one for one in again.incidents if one.state == "resolved"] == (resolved if restart < SPIKE + 60 else [])


def test_what_comes_late_changes_no_score_and_is_in_every_total(past: Client, library: Library) -> None:
    before = on(begun(past, library, 1000), past, SIZE)
    put(past, 1200, {("chat", LOOKED | Bit.REFUSED | Bit.LATE): 150}, "late")
    put(past, 1900, {("chat", LOOKED | Bit.REFUSED | Bit.LATE | Bit.VERY_LATE): 150}, "very late")
    assert on(begun(past, library, 1000), past, SIZE) == before
    total = past.query(
        "SELECT sum(bad) FROM kpi_windows WHERE kpi = 'refusal_rate' "
        f"AND window_start = toDateTime({START + 12_000}, 'UTC')"
    ).result_rows[0][0]
    assert total >= 150


def mark(store: Client, window: int, feature: str) -> None:
    ts = datetime.fromtimestamp(START + 10 * window, UTC)
    names = ["topic", "partition", "offset", "kind", "event_id", "ts", "what", "feature", "new_baseline"]
    store.insert("changes", [["ai.changes", 0, window, "change", f"c-{window}", ts, "model", feature, True]], names)


@pytest.mark.parametrize("feature", ["chat", ""])
def test_a_change_that_is_meant_ends_the_incident_and_learns_anew(past: Client, library: Library, feature: str) -> None:
    mark(past, SPIKE + 10, feature)
    through = on(begun(past, library, 2000), past, SIZE)
    [ended] = {one.incident_id: one for one in through.incidents if one.kpi == "refusal_rate"}.values()
    assert (ended.feature, ended.state) == ("chat", "resolved")
    assert ended.resolved_at == datetime.fromtimestamp(START + 10 * (SPIKE + 16), UTC)
    states = {
        (score.window_start.timestamp() - START) // 10: score.state
        for score in through.scores
        if (score.feature, score.kpi) == ("chat", "refusal_rate")
    }
    assert {states[window] for window in range(SPIKE + 16, SPIKE + 370)} == {"WARMING"}
    later = through.after(SPIKE + 20).scores
    others = {score.state for score in later if (score.feature, score.kpi) == ("search", "refusal_rate")}
    assert ("WARMING" in others) == (feature == "")


def test_a_restart_after_such_a_change_knows_of_it(past: Client, library: Library) -> None:
    mark(past, 1800, "chat")
    through = on(begun(past, library, 1000), past, SIZE)
    for restart in (1803, 1810, 2300):
        assert on(begun(past, library, restart), past, SIZE).after(restart).scores == through.after(restart).scores
