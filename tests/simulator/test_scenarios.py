import pytest

from monitor.errors import UserError
from monitor.simulator.joint import expected_rates
from monitor.simulator.profiles import PROFILES, Profile
from monitor.simulator.scenarios import SCENARIOS, Scenario, scenario
from schemas.change import Change
from schemas.kpis import CATALOGUE, KPI_NAMES

_PROFILE = PROFILES[0]
each_scenario = pytest.mark.parametrize("kind", SCENARIOS, ids=lambda kind: kind.name)


def _rate(profile: Profile, kpi: str) -> float:
    evaluated, bad = expected_rates(profile)[kpi]
    return bad / evaluated


def _by_category(profile: Profile) -> dict[str, float]:
    return {category.name: category.refusal_rate for category in profile.categories}


@each_scenario
def test_truth_says_what_when_and_which_way(kind: type[Scenario]) -> None:
    made = scenario(kind.name, 120.0, duration=60.0)
    truth = made.truth(1000.0)
    assert truth["scenario"] == kind.name
    assert (truth["onset"], truth["ends"]) == (1120.0, 1180.0)
    assert truth["kpi"] in KPI_NAMES
    assert truth["direction"] in ("up", "down")
    assert truth["feature"] == "support-chat"
    assert truth["size"] == kind.default_size


@each_scenario
def test_nothing_changes_before_after_and_elsewhere(kind: type[Scenario]) -> None:
    made = scenario(kind.name, 120.0, duration=60.0)
    for seconds in (0.0, 119.9, 180.0):
        assert made.apply(_PROFILE, seconds) is _PROFILE
    assert made.apply(PROFILES[1], 150.0) is PROFILES[1]
    assert made.apply(_PROFILE, 150.0) != _PROFILE


@each_scenario
def test_the_named_kpi_moves_as_the_truth_says(kind: type[Scenario]) -> None:
    made = scenario(kind.name, 0.0, duration=100.0)
    late = made.apply(_PROFILE, 99.0)
    if made.kpi in CATALOGUE:
        assert made.direction == "up"
        assert _rate(late, made.kpi) > 1.1 * _rate(_PROFILE, made.kpi)
    else:
        assert late.delivery == pytest.approx(1.0 - made.size)


def test_a_spike_is_as_large_as_its_size() -> None:
    spike = scenario("refusal_spike", 0.0, size=3.0).apply(_PROFILE, 0.0)
    assert _rate(spike, "refusal_rate") == pytest.approx(3.0 * _rate(_PROFILE, "refusal_rate"), rel=1e-3)


def test_a_drift_is_slow() -> None:
    drift = scenario("violation_drift", 0.0, size=5.0, duration=1000.0)
    before = _rate(_PROFILE, "policy_violation_rate")
    rates = [_rate(drift.apply(_PROFILE, at), "policy_violation_rate") / before for at in (0.0, 250.0, 500.0, 990.0)]
    assert rates == pytest.approx([1.0, 2.0, 3.0, 4.96], rel=0.02)


def test_a_mix_shift_leaves_each_kind_as_it_was() -> None:
    made = scenario("prompt_mix_shift", 0.0)
    shifted = made.apply(_PROFILE, 0.0)
    assert _by_category(shifted) == _by_category(_PROFILE)
    assert sum(category.share for category in shifted.categories) == pytest.approx(1.0)
    assert made.truth()["page"] is False


def test_only_the_canary_is_worse() -> None:
    made = scenario("canary_regression", 0.0, size=4.0)
    worse = made.apply(_PROFILE, 0.0)
    assert made.truth()["arm"] == "canary"
    assert (worse.canary.refusal_factor, worse.canary.violation_factor) == (4.0, 4.0)
    assert (worse.categories, worse.violations) == (_PROFILE.categories, _PROFILE.violations)
    share = _PROFILE.canary.share
    assert _rate(worse, "refusal_rate") / _rate(_PROFILE, "refusal_rate") == pytest.approx(1 + 3 * share, rel=1e-3)


@pytest.mark.parametrize("name", ["model_swap", "canary_regression", "guardrail_fail_open"])
def test_a_deploy_says_so(name: str) -> None:
    made = scenario(name, 30.0)
    events = list(made.changes(_PROFILE))
    assert events[0][0] == 30.0
    for _, fields in events:
        Change.model_validate({"event_id": "changeprobe", "ts": "2026-11-20T00:00:00Z", "emitter": "d"} | fields)


def test_the_swapped_model_is_the_one_announced() -> None:
    made = scenario("model_swap", 0.0)
    announced = next(made.changes(_PROFILE))[1]["to_version"]
    assert [model.name for model in made.apply(_PROFILE, 0.0).models] == [announced]


def test_a_scenario_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="refusal_spike"):
        scenario("refusal_spoke", 0.0)
    for start, size, duration in ((-1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, float("nan"), 1.0)):
        with pytest.raises(UserError, match="above 0"):
            scenario("refusal_spike", start, size=size, duration=duration)
