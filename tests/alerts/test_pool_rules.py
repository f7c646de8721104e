"""What a policy says of pools, as rules."""

import pytest

from alerts.build import files
from monitor.policy import SHIPPED_POLICY, load_policy, parse_policy
from tests.alerts.test_build import rules_of


@pytest.mark.parametrize("pages", [False, True])
def test_incidents_of_pools_are_tickets_unless_the_policy_lets_them_page(pages: bool) -> None:
    text = f"version: v\npools: {{dimensions: [model], pages: {str(pages).lower()}}}\n"
    rules = [one for one in rules_of(files(parse_policy(text, "p.yaml"))) if one.get("alert") == "VigilPoolIncident"]
    assert {one["labels"]["severity"] for one in rules} == ({"critical", "warning"} if pages else {"warning"})
    critical = " ".join(one["expr"] for one in rules if one["labels"]["severity"] == "critical")
    assert ("refusal_rate" in critical, "pii_leak_rate" in critical) == (pages, pages)


@pytest.mark.parametrize("said", ["", "pools: {dimensions: []}\n", "pools: {pages: true}\n"])
def test_without_dimensions_there_is_no_alert_of_pools(said: str) -> None:
    policy = parse_policy(f"version: v\n{said}", "p.yaml")
    assert policy.pools.dimensions == []
    assert "VigilPoolIncident" not in {rule.get("alert") for rule in rules_of(files(policy))}


def test_the_shipped_policy_has_no_pools() -> None:
    assert load_policy(SHIPPED_POLICY).pools.dimensions == []
