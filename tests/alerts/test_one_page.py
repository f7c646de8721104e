"""One page for one KPI of one feature, asked of a real Alertmanager with the shipped routes and a receiver of pages."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from alerts.policy import Policy
from monitor import alerting
from monitor.pagerduty import ENQUEUE, Page, Receiver
from monitor.policy import SHIPPED_POLICY, load_policy
from tests.alerts.test_build import FLEET, rules_of, written
from tests.alerts.test_inhibitions import ask
from tests.programs import ALERTMANAGER, PROMETHEUS, needs

pytestmark = [needs(*PROMETHEUS), needs(*ALERTMANAGER)]

SHIPPED = load_policy(SHIPPED_POLICY)
VIOLATIONS, LEAKS = "policy_violation_rate", "pii_leak_rate"
UNKNOWN = {"VigilTelemetryIncomplete", "VigilNoGuardrailEvaluations"}


def critical(policy: Policy) -> dict[str, set[str]]:
    """KPI to the alerts by which its rules page, without those that say that it is unknown."""
    found: dict[str, set[str]] = {}
    for rule in rules_of(files(policy)):
        if rule.get("labels", {}).get("severity") == "critical" and rule["alert"] not in UNKNOWN:
            named = [one for text in re.findall(r'kpi=~?"([^"]+)"', rule["expr"]) for one in text.split("|")]
            for kpi in named:
                found.setdefault(kpi, set()).add(rule["alert"])
    return found


@dataclass
class Pager:
    """An Alertmanager and who is paged by it; alerts begin and end as they are told to."""

    alerting: alerting.Alerting
    pages: list[Page]
    begun: dict[tuple[str, ...], str] = field(default_factory=dict)

    def begin(self, *alerts: dict[str, str]) -> None:
        """As Prometheus tells: labels, and what each says of itself."""
        now = datetime.now(UTC).isoformat()
        for one in alerts:
            self.begun[*one.values()] = now
        self._post(alerts, {})

    def end(self, *alerts: dict[str, str]) -> None:
        self._post(alerts, {"endsAt": datetime.now(UTC).isoformat()})

    def _post(self, alerts: Iterable[dict[str, str]], times: dict[str, str]) -> None:
        body = [
            {
                "labels": {"severity": "critical", "service": "vigil"} | one,
                "annotations": {
                    "summary": f"summary of {one['alertname']}",
                    "description": f"<{one['alertname']}>",
                    "runbook_url": f"https://runbooks.example.com/{one['alertname']}.md",
                    "query": "which_events" if "Leak" in one["alertname"] else "which_slices",
                },
                "startsAt": self.begun[*one.values()],
                **times,
            }
            for one in alerts
        ]
        ask(self.alerting, "POST", body)

    def groups(self) -> list[dict[str, Any]]:
        """What Alertmanager takes together, without Watchdog."""
        found: list[dict[str, Any]] = ask(self.alerting, "GET", path="/api/v2/alerts/groups")
        return [group for group in found if group["receiver"]["name"] != "dead-man"]

    def said(self, feature: str) -> set[str]:
        """The alerts of which the last page about a feature says that they fire."""
        told = [page for page in self.pages if page.component == feature]
        return set(re.findall("<(.+?)>", told[-1].details["firing"])) if told else set()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def with_pager(folder: Path, story: Callable[[Pager], None]) -> list[Page]:
    """Run a story; returns every page of it."""

    async def run() -> list[Page]:
        receiver = Receiver()
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        running = await asyncio.to_thread(alerting.start_alerting, folder, [], url)
        try:
            await asyncio.to_thread(story, Pager(running, receiver.pages))
        finally:
            await asyncio.to_thread(running.stop)
            await receiver.stop()
        assert receiver.refused == []
        return receiver.pages

    return asyncio.run(run())


def alert(name: str, feature: str, kpi: str = VIOLATIONS, **more: str) -> dict[str, str]:
    return {"alertname": name, "feature": feature, "kpi": kpi} | more


@pytest.mark.parametrize("policy", [SHIPPED, FLEET], ids=["shipped", "fleet"])
def test_all_alerts_that_page_about_one_kpi_of_one_feature_are_one_group_of_their_team(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = written(files(policy), tmp_path / "built")
    shutil.copytree(alerting.SHIPPED / "prometheus", built / "prometheus")
    monkeypatch.setattr(alerting, "SHIPPED", built)
    names = critical(policy)
    assert {"VigilKpiIncident", "VigilTargetBurnFast", "VigilPiiLeak"} <= names[LEAKS]
    assert len(names) > 5
    features = ["chat", *policy.features]
    found: dict[tuple[str, ...], set[str]] = {}

    def story(pager: Pager) -> None:
        mine = [alert(name, feature, kpi) for kpi, each in names.items() for name in each for feature in features]
        pager.begin(*mine)
        until(lambda: sum(len(group["alerts"]) for group in pager.groups()) == len(mine))
        for group in pager.groups():
            key = (group["receiver"]["name"], group["labels"]["feature"], group["labels"]["kpi"])
            assert key not in found, "two groups would page"
            found[key] = {one["labels"]["alertname"] for one in group["alerts"]}

    with_pager(tmp_path / "run", story)
    owners = {name: one.owner for name, one in policy.features.items() if one.owner not in (None, policy.owner)}
    receivers = {name: f"pagerduty-{owners[name]}" if name in owners else "pagerduty" for name in features}
    assert found == {(receivers[name], name, kpi): each for name in features for kpi, each in names.items()}


ORDERS = [*permutations(["VigilKpiIncident", "VigilTargetBurnFast", "VigilViolationRateHigh"])]


@pytest.mark.slow
def test_there_is_one_page_whichever_alert_comes_first_until_the_last_has_ended_whichever_that_is(
    tmp_path: Path,
) -> None:
    features = {f"{number}-{end}": (come, go) for number, come in enumerate(ORDERS) for end, go in enumerate(ORDERS)}

    def story(pager: Pager) -> None:
        for step in range(3):
            pager.begin(*(alert(come[step], name) for name, (come, _) in features.items()))
            said(pager, {name: {*come[: step + 1]} for name, (come, _) in features.items()})
        for step in range(3):
            assert not [page for page in pager.pages if page.action == "resolve"]
            pager.end(*(alert(go[step], name) for name, (_, go) in features.items()))
            said(pager, {name: {*go[step + 1 :]} for name, (_, go) in features.items()})

    def said(pager: Pager, firing: dict[str, set[str]]) -> None:
        until(lambda: {name: pager.said(name) for name in firing} == firing)

    pages = with_pager(tmp_path, story)
    for name in features:
        mine = [page for page in pages if page.component == name]
        assert len({page.dedup_key for page in mine}) == 1
        assert [page.action for page in mine] == ["trigger"] * 5 + ["resolve"]
    assert len({page.dedup_key for page in pages}) == len(features)


def test_that_a_kpi_is_unknown_is_another_page_than_that_it_is_bad_and_other_joins_nothing(tmp_path: Path) -> None:
    def story(pager: Pager) -> None:
        pager.begin(
            alert("VigilTargetBurnFast", "chat"),
            alert("VigilPiiLeak", "chat", LEAKS, basis="count"),
            alert("VigilTelemetryIncomplete", "mail", "telemetry_completeness", symptom="lost"),
            alert("VigilPiiLeak", "other", LEAKS, basis="count"),
            alert("VigilNoGuardrailEvaluations", "slow"),
        )
        until(lambda: len(pager.pages) == 5)
        pager.begin(
            alert("VigilTelemetryIncomplete", "chat", symptom="uncovered"),
            alert("VigilTelemetryIncomplete", "mail", "telemetry_completeness", symptom="silent"),
            alert("VigilTargetBurnFast", "other", LEAKS),
            alert("VigilTelemetryIncomplete", "slow", symptom="uncovered"),
        )
        until(lambda: len(pager.pages) == 9)

    pages = with_pager(tmp_path, story)
    keys = {name: {page.dedup_key for page in pages if page.component == name} for name in ("chat", "mail", "slow")}
    assert {name: len(found) for name, found in keys.items()} == {"chat": 3, "mail": 1, "slow": 1}
    assert len({page.dedup_key for page in pages if page.component == "other"}) == 2


def test_workers_that_cannot_stay_are_one_page_whether_they_are_absent_or_at_a_standstill(tmp_path: Path) -> None:
    stopped, absent = (
        {"alertname": name, "severity": "critical", "service": "vigil"}
        for name in ("VigilIntakeStopped", "VigilWorkersAbsent")
    )

    def story(pager: Pager) -> None:
        pager.begin(stopped)
        until(lambda: len(pager.pages) == 1)
        pager.begin(absent)
        until(lambda: len(pager.pages) == 2)
        pager.end(stopped)
        until(lambda: len(pager.pages) == 3)
        pager.end(absent)
        until(lambda: pager.pages[-1].action == "resolve")

    pages = with_pager(tmp_path, story)
    assert len({page.dedup_key for page in pages}) == 1


def test_an_installation_joins_and_mutes_no_other_and_its_pages_name_it(tmp_path: Path) -> None:
    def at(cluster: str, one: dict[str, str]) -> dict[str, str]:
        return one | {"cluster": cluster}

    absent = {"alertname": "VigilWorkersAbsent", "severity": "critical", "service": "vigil"}
    silent = alert("VigilTelemetryIncomplete", "mail", "telemetry_completeness", symptom="silent")

    def story(pager: Pager) -> None:
        pager.begin(at("staging", absent), at("staging", alert("VigilTargetBurnFast", "chat")))
        until(lambda: len(pager.pages) == 2)
        pager.begin(at("staging", silent), at("prod", silent), at("prod", alert("VigilTargetBurnFast", "chat")))
        until(lambda: len(pager.pages) == 4)

    pages = with_pager(tmp_path, story)
    told = sorted((page.details["cluster"], page.details["alert"]) for page in pages)
    burn, gap = "VigilTargetBurnFast", "VigilTelemetryIncomplete"
    assert told == [("prod", burn), ("prod", gap), ("staging", burn), ("staging", "VigilWorkersAbsent")]
    assert len({page.dedup_key for page in pages}) == 4


def test_a_page_speaks_of_the_alert_that_came_first_and_of_each_in_its_details(tmp_path: Path) -> None:
    burn = alert("VigilTargetBurnFast", "chat", LEAKS, tier="ga")
    leak = alert("VigilPiiLeak", "chat", LEAKS, basis="count")

    def story(pager: Pager) -> None:
        pager.begin(burn)
        until(lambda: pager.said("chat") == {"VigilTargetBurnFast"})
        pager.begin(leak)  # Alertmanager, which sorts by labels, would name it first
        until(lambda: pager.said("chat") == {"VigilTargetBurnFast", "VigilPiiLeak"})
        pager.end(burn)
        until(lambda: pager.said("chat") == {"VigilPiiLeak"})
        pager.end(leak)
        until(lambda: pager.pages[-1].action == "resolve")

    pages = with_pager(tmp_path, story)
    first, both, rest, over = pages
    assert [page.details["alert"] for page in pages] == ["VigilTargetBurnFast"] * 2 + ["VigilPiiLeak"] * 2
    assert first.summary == both.summary == "summary of VigilTargetBurnFast: chat, pii_leak_rate"
    assert set(both.details["firing"].split()) == {"<VigilTargetBurnFast>", "<VigilPiiLeak>"}
    assert set(both.details["alerts"].split()) == {"VigilTargetBurnFast", "VigilPiiLeak"}
    assert first.links[0] == both.links[0] == "https://runbooks.example.com/VigilTargetBurnFast.md"
    assert rest.links == tuple(f"https://runbooks.example.com/VigilPiiLeak.md{end}" for end in ("", "#diagnosis"))
    assert both.details["query"].startswith("vigil sql --query-name which_slices --param feature=chat ")
    assert rest.details["query"].startswith("vigil sql --query-name which_events --param feature=chat ")
    assert both.details["since"] == first.details["since"] <= rest.details["since"]
    # What is over is said to be over, and not as it was when it was last seen to fire.
    time_ = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"VigilTargetBurnFast from {time_} to {time_}\. ", rest.details["resolved"])
    assert re.fullmatch(rf"VigilPiiLeak from {time_} to {time_}\. ", over.details["resolved"])
    assert (over.action, over.details["firing"]) == ("resolve", "")
    assert over.summary == "Over: summary of VigilPiiLeak: chat, pii_leak_rate"
