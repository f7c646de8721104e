import math

import numpy as np
import pytest

from detectors.guard import forget_pages, guard, remember_evidence, remember_page
from detectors.noise import Noise, parameters_of
from detectors.rows import EVIDENCE, STATE, THRESHOLD
from tests.detectors.streams import WEEK, Floats

HEIGHT = 12.0


def after(pages: int, evidence: float) -> Floats:
    """The state after so many incidents that rose to so much evidence."""
    state, row = np.zeros(STATE), parameters_of(Noise())
    row[THRESHOLD] = HEIGHT
    for _ in range(pages):
        state[EVIDENCE] = evidence
        remember_evidence(state)
        state[EVIDENCE] = 0.0
        remember_evidence(state)
        remember_page(state, row)
    return state


def test_who_never_paged_is_not_guarded() -> None:
    assert guard(after(0, 0.0)) == 0.0


def test_each_page_within_a_week_makes_the_next_one_dearer() -> None:
    nats = [guard(after(pages, HEIGHT + 3.0)) for pages in range(12)]
    assert (np.diff(nats) >= 0.0).all()
    assert 0.5 < nats[1] < 2.0
    assert nats[11] > 6.0


def test_pages_far_over_the_threshold_teach_more_than_near_ones_but_not_without_end() -> None:
    near, far, farther = (guard(after(3, HEIGHT + excess)) for excess in (1.0, 8.0, 150.0))
    assert near < far < farther
    assert farther == guard(after(3, HEIGHT + 200.0))


def test_it_is_forgotten_in_weeks_with_events() -> None:
    state = after(5, HEIGHT + 5.0)
    before = guard(state)
    for _ in range(WEEK):
        forget_pages(state)
    assert 0.1 * before < guard(state) < 0.6 * before
    for _ in range(8 * WEEK):
        forget_pages(state)
    assert guard(state) < 0.01


def test_pages_that_pass_by_one_nat_cost_the_logarithm_of_their_number() -> None:
    assert guard(after(3, HEIGHT + 1.0)) == pytest.approx(math.log(4.0))


def test_a_storm_raises_it_beyond_all_proportion_but_not_without_end() -> None:
    assert guard(after(9, HEIGHT + 1.0)) > 5.0 * guard(after(3, HEIGHT + 1.0))
    assert guard(after(1000, HEIGHT + 30.0)) == 150.0
