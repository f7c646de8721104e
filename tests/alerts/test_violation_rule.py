"""VigilViolationRateHigh is built where a target lets it fire, and nowhere else."""

import pytest

from alerts.build import files
from alerts.policy import KpiPolicy, Policy, Targets
from monitor.policy import SHIPPED_POLICY, load_policy
from tests.alerts.test_build import FLEET, rules_of

TARGETS = Targets(internal=0.1, beta=0.05, ga=0.05, regulated=0.02)


@pytest.mark.parametrize(
    ("policy", "built"),
    [
        (load_policy(SHIPPED_POLICY), 1),
        (Policy(version="a", kpis={"policy_violation_rate": KpiPolicy(targets=TARGETS)}), 1),
        (Policy(version="a"), 0),
        (Policy(version="a", kpis={"policy_violation_rate": KpiPolicy(severity="warning")}), 0),
        (FLEET, 0),
    ],
    ids=["shipped", "a target", "nothing said", "no target", "targets of other KPIs"],
)
def test_the_rule_is_built_only_with_a_target_of_violations(policy: Policy, built: int) -> None:
    names = [rule.get("alert") for rule in rules_of(files(policy))]
    assert names.count("VigilViolationRateHigh") == built
    assert names.count("VigilTelemetryStopped") == 1
