from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import sqrt

import numpy as np
import pytest

from monitor.simulator.generate import generate
from monitor.simulator.history import Columns, history
from monitor.simulator.joint import expected_rates
from monitor.simulator.plan import Plan, Shares, Tally
from monitor.simulator.profiles import PROFILES, Profile
from monitor.simulator.traffic import Traffic
from monitor.windows import DIMENSIONS
from schemas.kpis import CATALOGUE, counts
from schemas.outcomes import Bit, evaluation_mask, interaction_mask
from schemas.telemetry import TELEMETRY, Evaluation, Interaction

_END = datetime(2026, 11, 18, 14, 0, 7, tzinfo=UTC)
_SIGMAS = 5.0  # some 250 comparisons; by chance one such test in 7000 would fail, and seeds are fixed
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)

Masks = dict[str, Counter[int]]


@lru_cache
def _past() -> Columns:
    blocks = list(history(_END, hours=3, seed=2))
    return {name: [value for block in blocks for value in block[name]] for name in blocks[0]}


@lru_cache
def _past_masks() -> Masks:
    found: Masks = {profile.name: Counter() for profile in PROFILES}
    for feature, mask, n in zip(_past()["feature"], _past()["mask"], _past()["n"], strict=True):
        found[feature][mask] += n
    return found


@lru_cache
def _live_masks() -> Masks:
    plan = Plan(_END, 3, 240.0, Traffic(180.0), shares=Shares(0.0, 0.0, 0.0, 0.0))
    found: Masks = {profile.name: Counter() for profile in PROFILES}
    for record in generate(plan, Tally()):
        event = TELEMETRY.validate_json(record.value or b"")
        if isinstance(event, Interaction):
            found[event.feature][interaction_mask(event)] += 1
        elif isinstance(event, Evaluation) and (mask := evaluation_mask(event)):
            found[event.feature][mask] += 1
    return found


def _ratio(masks: Counter[int], kpi: str) -> tuple[int, int]:
    bad = evaluated = 0
    for mask, n in masks.items():
        is_bad, is_evaluated, _ = counts(CATALOGUE[kpi], mask)
        bad, evaluated = bad + n * is_bad, evaluated + n * is_evaluated
    return bad, evaluated


@each_profile
@pytest.mark.parametrize("source", [_live_masks, _past_masks], ids=["live", "history"])
def test_rates_are_those_of_the_profile(profile: Profile, source: Callable[[], Masks]) -> None:
    masks = source()[profile.name]
    total = sum(n for mask, n in masks.items() if mask & Bit.INTERACTION)
    assert total > 500
    for kpi, (evaluated_odds, bad_odds) in expected_rates(profile).items():
        if kpi == "jailbreak_success_rate":
            continue  # a judge's, compared below
        bad, evaluated = _ratio(masks, kpi)
        for count, odds in ((evaluated, evaluated_odds), (bad, bad_odds)):
            spread = sqrt(total * odds * (1.0 - odds)) if odds < 1.0 else 0.0
            assert abs(count - total * odds) <= _SIGMAS * spread + 3.0, (kpi, count, total * odds)


@each_profile
def test_live_and_history_agree_on_what_judges_say(profile: Profile) -> None:
    judge = next(judge for judge in profile.judges if judge.signal == "jailbreak_success")
    for masks in (_live_masks()[profile.name], _past_masks()[profile.name]):
        total = sum(n for mask, n in masks.items() if mask & Bit.INTERACTION)
        bad, judged = _ratio(masks, "jailbreak_success_rate")
        wanted = judge.bad_rate * judged
        assert abs(bad - wanted) <= _SIGMAS * sqrt(wanted) + 3.0
        # Live verdicts of the last seconds are still to come: up to 40 s of 240.
        assert total * judge.share * 0.6 - 20 < judged < total * judge.share * 1.1 + 20


def test_refusals_by_kind_of_prompt() -> None:
    profile, past = PROFILES[0], _past()
    bad: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for feature, category, mask, n in zip(
        past["feature"], past["prompt_category"], past["mask"], past["n"], strict=True
    ):
        if feature == profile.name and mask & Bit.REFUSAL_EVALUATED:
            seen[category] += n
            bad[category] += n * (mask & Bit.REFUSED > 0)
    factor = sum(model.share * model.refusal_factor for model in profile.models)
    for category in profile.categories:
        rate = category.refusal_rate * factor
        spread = _SIGMAS * sqrt(rate / seen[category.name])
        assert bad[category.name] / seen[category.name] == pytest.approx(rate, abs=spread)


def test_traffic_of_the_past_is_that_of_the_plan() -> None:
    quiet = Traffic(rate=100.0, bursty=False)
    blocks = list(history(_END, 24, 4, quiet, PROFILES[:1]))
    for block in blocks[::6]:
        starts = sorted(set(block["window_start"]))
        arrived = sum(n for n, mask in zip(block["n"], block["mask"], strict=True) if mask & Bit.INTERACTION)
        wanted = quiet.mean(np.array(starts, dtype=np.float64), PROFILES[0].share).sum()
        assert abs(arrived - wanted) < _SIGMAS * sqrt(wanted)


def test_blocks_are_hours_of_whole_windows_up_to_the_end() -> None:
    blocks = list(history(_END, hours=2))
    assert len(blocks) == 2
    last = int(_END.timestamp()) // 10 * 10
    for block, hours in zip(blocks, (2, 1), strict=True):
        begins = last - hours * 3600
        assert sorted(set(block["window_start"])) == list(range(begins, begins + 3600, 10))


def test_columns_are_what_the_windows_table_takes() -> None:
    past = _past()
    assert list(past) == ["window_start", *DIMENSIONS, "mask", "n", "weight"]
    assert len({len(values) for values in past.values()}) == 1
    for name in DIMENSIONS:
        assert {type(value) for value in past[name]} == {str}
    for name in ("window_start", "mask", "n", "weight"):
        assert {type(value) for value in past[name]} == {int}
    assert min(past["n"]) > 0
    assert past["weight"] == past["n"]
    missing = {
        release == "" for release, mask in zip(past["release"], past["mask"], strict=True) if mask & Bit.FIELDS_MISSING
    }
    assert missing == {True}


def test_slices_are_those_of_the_live_stream() -> None:
    live: dict[str, set[str]] = {name: set() for name in DIMENSIONS}
    for record in generate(Plan(_END, 3, 60.0, Traffic(300.0), shares=Shares(0.0, 0.0, 0.0, 0.0)), Tally()):
        event = TELEMETRY.validate_json(record.value or b"")
        if isinstance(event, Interaction):
            for name in DIMENSIONS:
                live[name].add(getattr(event, name) or "")
    for name in DIMENSIONS:
        assert set(_past()[name]) == live[name], name


def test_no_cell_stands_twice() -> None:
    past = _past()
    keys = Counter(zip(*(past[name] for name in ("window_start", *DIMENSIONS, "mask")), strict=True))
    # Two rows of a window may by chance get the same tenant, locale and so on: rarely.
    assert sum(n - 1 for n in keys.values()) < 0.01 * len(past["n"])


def test_a_day_is_small() -> None:
    assert 100_000 < sum(len(block["n"]) for block in history(_END)) < 3_000_000


def test_the_same_arguments_give_the_same_past() -> None:
    def first(end: datetime, seed: int) -> Columns:
        return next(history(end, hours=1, seed=seed))

    assert first(_END, 1) == first(_END + timedelta(seconds=2), 1)  # the same last whole window
    assert first(_END, 1) != first(_END, 2)
