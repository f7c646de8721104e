"""What a policy says to a scorer, and which of it makes other scores or other baselines."""

import math
from pathlib import Path

import pytest

from monitor.columns import FLOORS, SCORED
from monitor.errors import UserError
from monitor.policy import SHIPPED_POLICY, load_policy, parse_policy
from monitor.terms import Terms, terms_of
from monitor.windows import WINDOW_SECONDS
from schemas.base import Identifier
from schemas.kpis import KPIS

ROOT = Path(__file__).parents[1]
WEEK = 604_800
REFUSALS, MIX = SCORED.index("refusal_rate"), SCORED.index("prompt_mix")


def terms(text: str) -> Terms:
    return terms_of(parse_policy(f"version: v\n{text}", "p.yaml"))


PLAIN = terms("")


def test_a_feature_over_all_its_kpis_pages_falsely_as_often_as_its_budget_says() -> None:
    shipped = terms_of(load_policy(SHIPPED_POLICY))
    pages_a_week = sum(WEEK / WINDOW_SECONDS / budget for budget in shipped.budgets)
    assert math.isclose(pages_a_week, 1.0)
    assert len(set(shipped.budgets)) == 1


def test_the_documented_share_is_that_of_a_worker() -> None:
    share = terms(f"kpis: {{refusal_rate: {{budget: 1/{len(SCORED)} weeks}}}}")
    assert share.budgets == PLAIN.budgets
    for name, said in (("backtest", f"1/{len(SCORED)} weeks"), ("alerting", f"each of the {len(SCORED)}")):
        assert said in " ".join((ROOT / "docs" / f"{name}.md").read_text("utf-8").split())


def test_a_kpi_with_a_budget_of_its_own_leaves_all_others_what_they_had() -> None:
    own = terms("kpis: {refusal_rate: {budget: 2/day}}")
    assert own.budgets[REFUSALS] == 43_200 / WINDOW_SECONDS
    assert [one for place, one in enumerate(own.budgets) if place != REFUSALS] == [PLAIN.budgets[0]] * (len(SCORED) - 1)


def test_only_what_was_learned_under_another_budget_is_learned_again() -> None:
    own = terms("kpis: {refusal_rate: {budget: 2/day}}").learned_by
    assert {kpi for kpi, how in own.items() if how != PLAIN.learned_by[kpi]} == {"refusal_rate"}


def test_another_floor_is_another_history_for_every_kpi() -> None:
    other = terms("kpis: {refusal_rate: {coverage_floor: 0.9}}").learned_by
    assert {kpi for kpi, how in other.items() if how == PLAIN.learned_by[kpi]} == set()


def test_floors_are_the_kpi_s_own_then_the_policy_s_then_the_catalogue_s() -> None:
    assert PLAIN.floor.tolist() == FLOORS.tolist()
    given = terms("coverage_floor: 0.3\nkpis: {refusal_rate: {coverage_floor: 0.9}}")
    assert given.floors[REFUSALS] == given.floors[MIX] == 0.9
    assert {floor for place, floor in enumerate(given.floors) if place not in (REFUSALS, MIX)} == {0.3}


@pytest.mark.parametrize(
    "text",
    [
        "owner: safety",
        "quiet_hours: [{begin: '22:00', end: '07:00'}]",
        "features: {chat: {tier: ga}}",
        "least_bad: 5",
        "directions: up",
        "kpis: {refusal_rate: {pages: false}}",
    ],
)
def test_what_concerns_routes_and_rules_alone_changes_no_score(text: str) -> None:
    assert terms(text) == PLAIN


@pytest.mark.parametrize(
    "text",
    ["budget: 2/week", "coverage_floor: 0.4", "kpis: {block_rate: {severity: critical}}"],
)
def test_what_concerns_the_scoring_has_another_name_under_the_same_version(text: str) -> None:
    assert terms(text).policy != PLAIN.policy
    assert terms(text).policy.startswith("v+")


def test_the_name_of_a_policy_is_an_identifier_however_long_its_version() -> None:
    from pydantic import TypeAdapter  # noqa: PLC0415  # only to hold it against the contract

    long = terms_of(parse_policy(f"version: {'v' * 64}", "p.yaml")).policy
    assert TypeAdapter(Identifier).validate_python(long) == long


def test_severities_are_the_policy_s_and_those_of_the_alerts() -> None:
    given = terms("kpis: {block_rate: {severity: critical}, arrivals: {severity: critical}}")
    assert given.severity("block_rate", True) == given.severity("arrivals", False) == "critical"
    assert given.severity("arrivals", True) == given.severity("prompt_mix", True) == "info"
    rises = {kpi.name: PLAIN.severity(kpi.name, True) for kpi in KPIS}
    assert rises == {kpi.name: kpi.severity for kpi in KPIS} | {"refusal_rate": "critical"}
    assert {PLAIN.severity(kpi.name, False) for kpi in KPIS} == {"warning"}


def test_a_budget_shorter_than_two_windows_is_refused_with_its_kpi() -> None:
    with pytest.raises(UserError, match="of refusal_rate in 15 s is shorter than two windows of 10 s"):
        terms("kpis: {refusal_rate: {budget: 1/15 s}}")
