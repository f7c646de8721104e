from pathlib import Path

import pytest

from monitor.errors import UserError
from monitor.policy import load_policy, parse_policy

GOOD = """
version: 2026-11-21
budget: 1/week
directions: up
kpis:
  refusal_rate: {budget: 2/day, directions: both}
  block_rate:
    pages: false
"""


def test_a_kpi_takes_what_it_does_not_say_from_the_policy() -> None:
    policy = parse_policy(GOOD, "p.yaml")
    assert policy.version == "2026-11-21"
    assert policy.budget_seconds("refusal_rate", 18) == 43_200
    assert policy.budget_seconds("pii_leak_rate", 18) == 18 * 604_800
    assert policy.pages("refusal_rate", "down")
    assert not policy.pages("pii_leak_rate", "down")
    assert policy.pages("pii_leak_rate", "up")
    assert not policy.pages("block_rate", "up")


def test_a_kpi_shares_the_feature_s_budget_unless_it_has_its_own() -> None:
    policy = parse_policy(GOOD, "p.yaml")
    assert [policy.budget_windows("pii_leak_rate", sharing, 60) for sharing in (1, 5)] == [10_080, 5 * 10_080]
    assert {policy.budget_windows("refusal_rate", sharing, 60) for sharing in (1, 5)} == {720}


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("version: a\nbugdet: 1/week\n", 2, "bugdet"),
        ("budget: 1/week\n", 1, "version"),
        ("version: a\nbudget: often\n", 2, "budget"),
        ("version: a\ndirections: sideways\n", 2, "directions"),
        ("version: a\ncoverage_floor: 2\n", 2, "coverage_floor"),
        ("version: a\nkpis:\n  x:\n    budget: 0/week\n", 4, "kpis.x.budget"),
        ("version: a\nkpis:\n  x:\n    pages: sometimes\n", 4, "kpis.x.pages"),
        ("version: a\nkpis:\n  x:\n    page: false\n", 4, "kpis.x.page"),
        ("version: a\nkpis:\n  x: {}\n  y: {}\n  x: {}\n", 5, "x"),
        ("version: a\nversion: b\n", 2, "version"),
    ],
)
def test_an_error_names_the_line_and_the_key(text: str, line: int, key: str) -> None:
    with pytest.raises(UserError, match=rf"p\.yaml, line {line}: .*'{key}'"):
        parse_policy(text, "p.yaml")


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [\n", "just words\n", "\tversion: a\n", "version: \x01\n", "? [a]\n: b\n"]
)
def test_what_is_no_policy_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match=r"p\.yaml"):
        parse_policy(text, "p.yaml")


def test_a_policy_that_cannot_be_read_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the policy"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: \xe9\n")
    with pytest.raises(UserError, match="UTF-8"):
        load_policy(tmp_path / "latin.yaml")
