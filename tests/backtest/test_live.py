"""Live and backtest are one code path: of the windows of a store both say the same, bit for bit."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.base import Floats
from monitor.backtest.legs import legs, watches
from monitor.backtest.page import Page
from monitor.backtest.scoring import score_history
from monitor.backtest.stored import StoredSource
from monitor.columns import judged_after
from monitor.learner import Asked, Library
from monitor.policy import SHIPPED_POLICY, Policy, load_policy, parse_policy
from monitor.scoring import Scorer
from monitor.store.windows import insert_cells
from monitor.terms import Terms, terms_of
from monitor.windows import DIMENSIONS
from schemas.finding import Incident, Score
from schemas.outcomes import Bit
from tests.test_scorekeeper import LOOKED, START

POLICY = load_policy(SHIPPED_POLICY)
UNEVEN = parse_policy(
    """
version: uneven
budget: 2/week
coverage_floor: 0.2
kpis:
  refusal_rate: {budget: 1/day, coverage_floor: 0.9, directions: up}
  arrivals: {budget: 1/4 weeks, pages: false}
""",
    "uneven",
)
SIZE, BEGIN, SPIKE = 3200, 100, 2400
END = START + 10 * SIZE
RATES = {
    "code": 0.02,
    "draw": 0.04,
    "find": 0.03,
    "list": 0.06,
    "plan": 0.05,
    "talk": 0.03,
    "tell": 0.08,
    "verse": 0.12,
}
Asks = Iterator[tuple[str, str, float, float]]
"""Of one window: feature, stratum, interactions on average, and the share that is refused."""


def usual(window: int) -> Asks:
    """An incident, a shift in what is asked, a lull, and a feature that hardly anybody uses."""
    ratio = 3.0 if SPIKE <= window < SPIKE + 60 else 1.0
    for stratum, rate in RATES.items():
        yield "chat", stratum, 120.0 if stratum == "verse" and 1800 <= window < 2200 else 30.0, rate * ratio
    yield "search", "", 1.0 if 2600 <= window < 2640 else 30.0, 0.1
    yield "rare", "", 2.0, 0.02


def with_later_strata(window: int) -> Asks:
    """Strata that were not there when the first baselines were learned: beside many, and beside one."""
    for stratum, rate in RATES.items():
        yield "chat", stratum, 30.0, rate
    yield "late", "", 60.0, 0.03
    if window >= 2300:
        yield "chat", "also", 30.0, 0.1
        yield "late", "zoo", 60.0, 0.3


def with_a_flood_of_something_new(window: int) -> Asks:
    """For a while most of what is asked is of a stratum whose rate nobody knows."""
    for stratum in ("x", "y"):
        yield "half", stratum, 60.0, 0.09 if SPIKE <= window < SPIKE + 60 else 0.03
    if 2000 <= window < 2100:
        yield "half", "new", 500.0, 0.3


def fill(store: Client, asks: Callable[[int], Asks]) -> None:
    """The windows from START on."""
    chance = np.random.default_rng(5)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for window in range(SIZE):
        for feature, stratum, mean, rate in asks(window):
            n = int(chance.poisson(mean))
            bad = int(chance.binomial(n, rate))
            row = {"window_start": START + 10 * window, "feature": feature, "prompt_category": stratum}
            for mask, count in ((LOOKED, n - bad), (LOOKED | Bit.REFUSED, bad)):
                of_mask = row | {"mask": int(mask), "n": count, "weight": count}
                for name, column in columns.items() if count else ():
                    column.append(of_mask.get(name, ""))
    insert_cells(store, "test", columns, "test", "live")


def beats(store: Client, feature: str, lost: Callable[[int], int], partition: int = 0) -> None:
    """A heartbeat a window; of what the emitter counted in a window so many interactions were lost."""
    answer = store.query(
        "SELECT intDiv(toUnixTimestamp(window_start) - {start:Int64}, 10), sum(n) FROM windows "
        "WHERE feature = {feature:String} GROUP BY window_start",
        {"start": START, "feature": feature},
    )
    arrived = {int(window): int(n) for window, n in answer.result_rows}
    names = ["topic", "partition", "offset", "kind", "event_id", "ts", "emitter", "feature", "started_at"]
    total, rows = 0, []
    for window in range(SIZE):
        total += arrived.get(window, 0) + lost(window)
        at = _time(START + 10 * (window + 1))
        said = [f"h-{window}", at, "e1", feature, _time(START), total]
        rows.append(["ai.telemetry", partition, window, "heartbeat", *said])
    store.insert("heartbeats", rows, column_names=[*names, "interactions"])


def _time(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


def live(store: Client, by: Terms) -> tuple[list[Score], dict[str, list[Incident]]]:
    """All that a scorer says from window BEGIN on: scores, and incidents by their id.

    Second opinions never page, and begin anew with the worker.
    """
    library = Library(lambda: store)
    scorer = Scorer(by, library, START + 10 * BEGIN, 100)
    scores: list[Score] = []
    incidents = list(scorer.take_up(store, [], patience=60.0).incidents)
    while scorer.until < END:
        due = scorer.calendar.due(scorer.until)
        asked = {name: Asked(at, scorer.calendar.first[name]) for name, at in due.items()}
        library.get(store, by, asked, 60.0)  # as if there were time
        found = scorer.advance(store, END)
        scores += [score for score in found.scores if score.detector == by.detector]
        incidents += found.incidents
    library.close()
    by_id: dict[str, list[Incident]] = {}
    for one in incidents:
        by_id.setdefault(one.incident_id, []).append(one)
    return scores, by_id


Told = tuple[str, str, datetime, datetime | None, str]
"""Feature, KPI, when it was detected and resolved, and its direction."""
Size = tuple[datetime, int | None, int | None, float, float]
"""Onset, evaluated, bad, expected rate and evidence when it was detected."""


def as_told(said: list[Incident]) -> tuple[Told, Size]:
    """An incident as a scorer told it, from the first time to the last."""
    first, last = said[0], said[-1]
    size = (first.onset, first.evaluated, first.bad, first.expected_rate, first.log_e)
    return (first.feature, first.kpi, first.detected_at, last.resolved_at, first.direction), size


def as_paged(page: Page) -> tuple[Told, Size]:
    """The same of a page."""
    resolved = None if page.resolved_at is None else _time(page.resolved_at)
    size = (_time(page.onset), page.evaluated, page.bad, page.expected, page.log_e)
    return (page.feature, page.kpi, _time(page.detected_at), resolved, page.direction), size


def paths(source: StoredSource, policy: Policy) -> dict[tuple[str, str], Floats]:
    """By feature and KPI the statistic of each window from START on, NaN where no baseline was in force."""
    found: dict[tuple[str, str], Floats] = {}
    for task in source.tasks:
        history = source.read(task)
        for watch in watches(history, policy):
            for leg in legs(watch, START + 10 * BEGIN):
                path = found.setdefault((task.feature, history.kpis[watch.kpis[leg.series]]), np.full(SIZE, np.nan))
                first = (history.start - START) // 10 + watch.window(leg.start)
                path[first : first + len(leg.run.log_e)] = leg.run.log_e
    return found


def differences(store: Client, policy: Policy = POLICY) -> tuple[list[object], list[Score]]:
    """Incidents and scores of which live and backtest say different things; asserts that there are many to compare.

    A worker knows the onset of what grew for more than an hour as an hour ago, a backtest further back.
    """
    scores, incidents = live(store, terms_of(policy))
    source = StoredSource(store, START + 10 * BEGIN, END)
    began = START + 10 * BEGIN
    outcomes = [score_history(source.read(task), policy, began) for task in source.tasks]
    pages = [page for outcome in outcomes for page in outcome.pages]
    paging = [said for said in incidents.values() if policy.pages(said[0].kpi, said[0].direction)]
    assert sum(outcome.silent.total() for outcome in outcomes) == len(incidents) - len(paging)
    one, other = dict(map(as_told, paging)), dict(map(as_paged, pages))
    assert len(one) == len(paging) > 0
    assert len(other) == len(pages)
    hour = timedelta(hours=1)
    sized = [told for told in one.keys() & other.keys() if other[told][0] >= told[2] - hour]
    assert sized
    unlike: list[object] = sorted(one.keys() ^ other.keys(), key=str)
    unlike += [(told, one[told], other[told]) for told in sized if one[told] != other[told]]
    found, compared = paths(source, policy), 0
    unlike_scores = []
    for score in scores:
        window = (int(score.window_start.timestamp()) + judged_after(score.kpi) - START) // 10
        path = found.get((score.feature, score.kpi))
        if path is None or np.isnan(path[window]):
            same = score.log_e == 0.0 and score.state in ("WARMING", "UNKNOWN")
        else:
            same = max(path[window], 0.0) == score.log_e and score.state != "WARMING"
            compared += 1
        unlike_scores += [] if same else [score]
    assert compared > 5 * SIZE
    return unlike, unlike_scores


def test_live_and_backtest_say_the_same(store: Client) -> None:
    fill(store, usual)
    beats(store, "search", lambda window: 15 if 2000 <= window < 2030 else int(window % 50 == 0))
    assert differences(store) == ([], [])


def lost_by_chat(window: int) -> int:
    """Losses that hide a part of its incident from a floor of 0.9, and now and then a window."""
    return 100 if SPIKE <= window < SPIKE + 5 or window % 400 == 0 else int(window % 50 == 0)


def test_they_do_by_a_policy_in_which_no_kpi_is_like_the_other(store: Client) -> None:
    fill(store, usual)
    beats(store, "search", lambda window: 15 if 2000 <= window < 2030 else int(window % 50 == 0))
    beats(store, "chat", lost_by_chat, partition=1)
    assert differences(store, UNEVEN) == ([], [])


def test_by_another_policy_other_things_are_said(store: Client) -> None:
    """Or the test above would compare nothing that it is about."""
    fill(store, usual)
    beats(store, "chat", lost_by_chat, partition=1)
    (usually, _), (uneven, incidents) = live(store, terms_of(POLICY)), live(store, terms_of(UNEVEN))
    unknown, thresholds = {}, {}
    for name, scores in (("usual", usually), ("uneven", uneven)):
        unknown[name] = {
            score.kpi: score.window_start for score in scores if score.state == "UNKNOWN" and score.feature == "chat"
        }
        thresholds[name] = {score.kpi: score.threshold for score in scores if score.feature == "chat"}
    assert unknown["uneven"].keys() - unknown["usual"].keys() == {"refusal_rate", "prompt_mix"}
    assert thresholds["uneven"]["refusal_rate"] < thresholds["usual"]["refusal_rate"]
    assert thresholds["uneven"]["arrivals"] < thresholds["usual"]["arrivals"]
    assert {said[0].policy_version for said in incidents.values()} == {terms_of(UNEVEN).policy}


def test_both_learn_anew_when_a_change_is_meant(store: Client) -> None:
    fill(store, usual)
    names = ["topic", "partition", "offset", "kind", "event_id", "ts", "what", "feature", "new_baseline"]
    ts = _time(START + 10 * (SPIKE + 10) + 3)
    store.insert("changes", [["ai.changes", 0, 1, "change", "c-1", ts, "model", "chat", True]], column_names=names)
    assert differences(store) == ([], [])


def test_both_know_the_strata_that_were_there_and_no_others(store: Client) -> None:
    fill(store, with_later_strata)
    assert differences(store) == ([], [])


def test_for_both_a_window_of_mostly_new_strata_is_unknown(store: Client) -> None:
    fill(store, with_a_flood_of_something_new)
    assert differences(store) == ([], [])
