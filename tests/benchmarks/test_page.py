"""What `make bench-page` makes of what it saw, and the world it makes."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from benchmarks.page_rounds import PARTS, Incident, Way, described, first_after, parts
from benchmarks.page_world import FACTOR, RATE, Order, features, onsets, plans, together, traffic
from monitor.simulator.history import history
from schemas.outcomes import Bit

ORDER = Order("127.0.0.1:1", "chdb:///nowhere", 3, 5, 2, 1_790_000_000.0, 60.0, 20.0, 30.0, 10.0)
INCIDENT = Incident("chat-0", 104.0, 204.0, 120.0, 126.5)
WAY = Way(128.0, 129.0, 220.0)


def test_the_parts_of_a_delay_add_up_to_it() -> None:
    found = parts(INCIDENT, WAY, 5.0)
    assert found == {"window_s": 16.0, "grace_s": 5.0, "scoring_s": 1.5, "prometheus_s": 1.5, "alertmanager_s": 1.0}
    assert tuple(found) == PARTS
    assert sum(found.values()) == 129.0 - 104.0


@pytest.mark.parametrize("missing", ["fired", "paged"])
def test_a_page_that_never_came_has_no_parts(missing: str) -> None:
    assert parts(INCIDENT, replace(WAY, **{missing: None}), 5.0) is None


def test_a_page_that_never_came_is_counted_and_makes_no_figure_better() -> None:
    other = replace(INCIDENT, feature="chat-1")
    found = described([INCIDENT, other], {"chat-0": WAY, "chat-1": Way(None, None, None)}, 5.0)
    assert (found["rounds"], found["pages_missing"], found["resolves_missing"]) == (2, 1, 1)
    assert found["seconds_to_page"] == [25.0]
    nothing = described([other], {"chat-1": Way(None, None, None)}, 5.0)
    assert nothing["seconds_to_page_median"] is None
    assert set(nothing["mean_parts"].values()) == {None}


def test_an_incident_that_was_open_before_the_onset_is_not_taken_for_this_one() -> None:
    assert first_after([90.0, 130.0, 120.0], 104.0) == 120.0
    assert first_after([90.0], 104.0) is None


def test_onsets_are_spread_and_not_at_the_edges_of_windows() -> None:
    found = onsets(ORDER)
    assert all(20.0 + 10.0 * number <= at < 30.0 + 10.0 * number for number, at in enumerate(found))
    assert len({round(at % 10.0, 3) for at in found}) == 3
    assert onsets(replace(ORDER, seed=6)) != found


def test_each_feature_has_the_promised_rate_and_refuses_more_from_its_onset_on() -> None:
    records = list(together(plans(ORDER)))
    assert all(a.at <= b.at for a, b in pairwise(records))
    for number, onset in enumerate(onsets(ORDER)):
        mine = [r for r in records if r.note == "interaction" and r.key.startswith(f"chat-{number}-")]
        assert len(mine) == pytest.approx(60 * RATE, rel=0.25)
        before = [r for r in mine if r.at < onset]
        during = [r for r in mine if onset + 0.5 <= r.at < onset + ORDER.lasts]
        shares = [
            sum(b'"finish_reason":"refusal"' in (r.value or b"") for r in part) / len(part) for part in (before, during)
        ]
        assert shares[1] > FACTOR / 2 * shares[0]


def test_plans_that_do_not_start_together_are_not_sent_together() -> None:
    late = plans(replace(ORDER, start=ORDER.start + 10.0))
    with pytest.raises(ValueError, match="one moment"):
        next(together([*plans(ORDER), *late]))


def test_the_history_is_of_the_same_rate_at_every_hour() -> None:
    blocks = history(datetime.fromtimestamp(ORDER.start, UTC), 2, 1, traffic(3), features(3))
    for block in blocks:
        arrived = sum(n for n, mask in zip(block["n"], block["mask"], strict=True) if mask & Bit.INTERACTION)
        assert arrived == pytest.approx(3 * RATE * 3600, rel=0.05)
