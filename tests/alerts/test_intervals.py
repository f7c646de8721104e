"""How often is looked and how long is waited: the same in every shipped form, and the rules are right at 15 s too."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.build import files
from alerts.policy import Policy, Probe
from alerts.pool_policy import PoolPolicy
from monitor.durations import seconds_of
from monitor.policy import SHIPPED_POLICY, load_policy
from tests.programs import needs

ALERTS = SHIPPED_POLICY.parent
DOCUMENT = ALERTS.parent / "docs" / "alerting.md"
SHIPPED = load_policy(SHIPPED_POLICY)
FLEET = load_policy(Path(__file__).parent / "fleet.yaml")
OPTED_IN = {"probe": Probe(every="1m", deadline="3m"), "pools": PoolPolicy(dimensions=["model"])}
WHOLE = SHIPPED.model_copy(update=OPTED_IN)  # or VigilProbeLost and VigilPoolIncident are not built
BUILT = {path: yaml.safe_load(text) for path, text in files(WHOLE).items() if path.startswith("rules/")}
GROUPS = [group for built in BUILT.values() for group in built["groups"]]
CASE_FILES = sorted((ALERTS / "tests").glob("*.yaml"))
SLOWEST = "15s"
"""The longest interval of scrapes and of evaluations for which the document answers."""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


SHIPPED_INTERVALS = load(ALERTS / "prometheus" / "prometheus.yaml")["global"]


def routes_of(policy: Policy) -> dict[str, Any]:
    route: dict[str, Any] = yaml.safe_load(files(policy)["alertmanager/alertmanager.yaml"])["route"]
    return route


def waits(route: dict[str, Any], inherited: str = "") -> dict[str, str]:
    """Receiver to its group_wait."""
    wait = route.get("group_wait", inherited)
    found = {route["receiver"]: wait}
    for one in route.get("routes", ()):
        found |= waits(one, wait)
    return found


@pytest.mark.parametrize("policy", [SHIPPED, FLEET], ids=["shipped", "fleet"])
def test_a_page_waits_for_a_second_and_a_ticket_for_two_evaluations_so_that_a_page_can_mute_it(policy: Policy) -> None:
    found = waits(routes_of(policy))
    assert found.pop("dead-man") == "0s"
    pages = {receiver for receiver in found if receiver.startswith("pagerduty")}
    tickets = {receiver for receiver in found if receiver.startswith("tickets")}
    assert pages | tickets == set(found)
    assert {found[receiver] for receiver in pages} == {"1s"}
    evaluation = seconds_of(SHIPPED_INTERVALS["evaluation_interval"])
    assert {seconds_of(found[receiver]) for receiver in tickets} == {2 * evaluation}


def test_the_document_says_how_often_is_looked_and_how_long_is_waited() -> None:
    rows = re.findall(r"(?m)^\| (scrapes|evaluations|`group_wait` of a \w+) \| (\w+) \|", DOCUMENT.read_text())
    waited = waits(routes_of(SHIPPED))
    assert dict(rows) == {
        "scrapes": SHIPPED_INTERVALS["scrape_interval"],
        "evaluations": SHIPPED_INTERVALS["evaluation_interval"],
        "`group_wait` of a page": waited["pagerduty"],
        "`group_wait` of a ticket": waited["tickets"],
    }


@pytest.fixture(scope="module")
def undescribed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rules that say nothing in words of what was measured, and one beside it for cases."""
    folder = tmp_path_factory.mktemp("undescribed")
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    for path, built in BUILT.items():
        groups = [group | {"rules": [silent(rule) for rule in group["rules"]]} for group in built["groups"]]
        (folder / path).write_text(yaml.safe_dump({"groups": groups}))
    return folder


def silent(rule: dict[str, Any]) -> dict[str, Any]:
    kept = {name: text for name, text in rule.get("annotations", {}).items() if name != "description"}
    return rule | ({"annotations": kept} if kept else {})


@needs("promtool")
@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
@pytest.mark.slow
def test_the_same_alerts_fire_as_often_as_the_shipped_prometheus_evaluates(path: Path, undescribed: Path) -> None:
    """What they measured at their last evaluation may differ, so descriptions are left out."""
    often = f"evaluation_interval: {SHIPPED_INTERVALS['evaluation_interval']}\n"
    # As text, because Python reads values such as 0x60 as numbers. Cases over hours and days keep their longer steps.
    text = path.read_text().replace(f"evaluation_interval: {SLOWEST}\n", often)
    text = re.sub(r"(?m)^ +description: .+\n", "", text)
    (undescribed / "tests" / path.name).write_text(text)
    command = ["promtool", "test", "rules", str(undescribed / "tests" / path.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_lookback_holds_four_scrapes_at_15_seconds() -> None:
    """A rate needs two samples, and a scrape or two may fail."""
    text = " ".join(rule["expr"] for group in GROUPS for rule in group["rules"])
    lookbacks = set(re.findall(r"\[(\w+)\]", text))
    assert len(lookbacks) > 5
    assert min(map(seconds_of, lookbacks)) >= 4 * seconds_of(SLOWEST)


def test_what_each_evaluation_looks_at_over_a_day_is_of_partitions_and_workers_and_not_of_features() -> None:
    """A day is 17,280 samples of a series, and there may be thousands of features."""
    often = [rule["expr"] for group in GROUPS if "interval" not in group for rule in group["rules"]]
    looked = {name for expr in often for name in re.findall(r"([\w:]+)(?:\{[^{}]*\})?\[\d+[dw]\]", expr)}
    assert looked == {"vigil_watermark_timestamp_seconds"}


def test_the_cases_are_scraped_and_evaluated_as_slowly_as_the_document_allows() -> None:
    cases = [load(path) for path in CASE_FILES]
    assert sum(case["evaluation_interval"] == SLOWEST for case in cases) >= len(cases) - 2
    assert all(seconds_of(one["interval"]) >= seconds_of(SLOWEST) for case in cases for one in case["tests"])


def test_every_shipped_form_is_scraped_and_evaluated_as_often_as_the_shipped_prometheus() -> None:
    forms = load(ALERTS / "adopt" / "kubernetes" / "prometheusrule.yaml")["spec"]["groups"]
    own = {group["name"] for group in GROUPS if "interval" in group}
    assert own == {"vigil-burn-long", "vigil-coverage"}
    every = SHIPPED_INTERVALS["evaluation_interval"]
    assert {group["interval"] for group in forms if group["name"] not in own} == {every}
    chart = load(ALERTS.parent / "helm" / "vigil" / "values.yaml")
    assert chart["prometheusRule"]["interval"] == every
    assert chart["serviceMonitor"]["interval"] == SHIPPED_INTERVALS["scrape_interval"]
