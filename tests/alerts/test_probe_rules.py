"""What a policy says of probes, and what is built from it."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from alerts.build import files
from alerts.policy import Count, FeaturePolicy, Policy, Probe, seconds_of
from monitor.errors import UserError
from monitor.policy import SHIPPED_POLICY, load_policy, parse_policy


def alerts(policy: Policy, name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load(files(policy)["rules/probes.yaml"])["groups"]
    return [rule for group in groups for rule in group["rules"] if rule.get("alert") == name]


def test_no_probe_is_missed_where_the_policy_does_not_say_that_any_is_sent() -> None:
    assert load_policy(SHIPPED_POLICY).probe is None
    assert alerts(Policy(version="a"), "VigilProbeLost") == []
    assert len(alerts(Policy(version="a", probe=Probe(every="1m", deadline="3m")), "VigilProbeLost")) == 1


@pytest.mark.parametrize(
    ("every", "deadline", "age", "hold"), [("1m", "3m", 120, 60), ("20s", "100s", 67, 33), ("10m", "1h", 2400, 1200)]
)
def test_the_age_of_a_probe_and_the_wait_make_the_deadline(every: str, deadline: str, age: int, hold: int) -> None:
    (lost,) = alerts(Policy(version="a", probe=Probe(every=every, deadline=deadline)), "VigilProbeLost")
    assert lost["expr"].endswith(f"[{age}s]) > time() - {age})")
    assert lost["for"] == f"{hold}s"
    assert age + hold == seconds_of(deadline)
    assert age >= 2 * seconds_of(every), "one probe that is late would page"


def test_a_deadline_that_one_late_probe_would_pass_is_refused() -> None:
    with pytest.raises(ValidationError, match="three times every at least"):
        Probe(every="1m", deadline="179s")
    assert Probe(every="1m", deadline="180s").deadline == "180s"
    for nonsense in ("", "0s", "1", "1d", "-3m", "1.5m", "3 m"):
        with pytest.raises(ValidationError):
            Probe(every="1s", deadline=nonsense)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("probe: {every: 1m, deadline: 2m}", "three times every at least"),
        ("probe: {evry: 1m, deadline: 3m}", "every"),
        ("probe: {every: 1m}", "deadline"),
        ("missed_probes: {at_least: 0, within: 15m}", "at_least"),
        ("missed_probes: {at_leest: 1, within: 15m}", "at_least"),
    ],
)
def test_a_mistake_is_told_by_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError, match="line 2") as refused:
        parse_policy(f"version: a\n{text}\n", "policy.yaml")
    assert said in str(refused.value)


def test_missed_probes_page_in_the_tiers_where_single_severe_events_do() -> None:
    policy = Policy(version="a", count_pages_in=["regulated"], missed_probes=Count(at_least=3, within="1h"))
    page, ticket, unknown = alerts(policy, "VigilProbeMissed")
    assert (page["labels"]["severity"], ticket["labels"]["severity"]) == ("critical", "warning")
    assert 'tier=~"regulated"' in page["expr"]
    assert 'tier=~"internal|beta|ga"' in ticket["expr"]
    assert all("increase1h) >= 3)" in rule["expr"] for rule in (page, ticket))
    assert unknown["labels"]["severity"] == "warning"


def test_a_feature_without_guardrails_on_purpose_is_not_told_that_none_looked() -> None:
    policy = Policy(version="a", features={"batch": FeaturePolicy(tier="internal", guardrails=False)})
    (unknown,) = [rule for rule in alerts(policy, "VigilProbeMissed") if rule["labels"]["symptom"] == "unevaluated"]
    assert '{feature!~"batch"} < 0.5' in unknown["expr"]
