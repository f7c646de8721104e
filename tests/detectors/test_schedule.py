from hypothesis import given
from hypothesis import strategies as st

from detectors.schedule import HISTORY, LAG, is_moment, learned_at, next_moment, slot

DAY, HOUR = 86_400, 3600
FIRST = 1_790_000_000 // DAY * DAY
NAMES = st.text("abc-", min_size=1, max_size=6)
TIMES = st.integers(0, 3 * DAY // 10).map(lambda tens: FIRST + 10 * tens)


@given(NAMES, TIMES)
def test_the_baseline_in_force_is_the_one_of_the_newest_moment(feature: str, now: int) -> None:
    at = learned_at(feature, FIRST, now)
    moments = [at for at in range(FIRST, now - LAG + 1, 10) if is_moment(feature, FIRST, at)]
    assert at == (moments[-1] if moments else None)


@given(NAMES, TIMES)
def test_the_next_moment_is_the_first_one_after(feature: str, after: int) -> None:
    at = next_moment(feature, FIRST, after)
    assert is_moment(feature, FIRST, at)
    assert not any(is_moment(feature, FIRST, before) for before in range(after + 10, at, 10))


@given(NAMES)
def test_a_young_feature_learns_after_an_hour_and_ever_more_rarely(feature: str) -> None:
    moments = [at - FIRST for at in range(FIRST, FIRST + DAY, 10) if is_moment(feature, FIRST, at)]
    daily = [at for at in moments if (FIRST + at - slot(feature)) % DAY == 0]
    young = [at for at in moments if at not in daily]
    assert min(*young, *daily) // 900 <= 5
    assert 4 <= len(young) <= 5
    assert all(any(0 <= at - hours * HOUR < 900 for hours in (1, 2, 4, 8, 16)) for at in young)


@given(NAMES, st.integers(1, 30))
def test_an_old_feature_learns_once_a_day_at_a_time_of_its_own(feature: str, day: int) -> None:
    begin = FIRST + day * DAY
    moments = [at for at in range(begin, begin + DAY, 10) if is_moment(feature, begin - HISTORY, at)]
    assert [at % DAY for at in moments] == [slot(feature)]


def test_features_learn_at_different_times() -> None:
    assert len({slot(f"feature-{number}") // HOUR for number in range(500)}) == 24
