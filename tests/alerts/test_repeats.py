"""How often is told again: a page soon, because somebody may have resolved it by hand; a ticket rarely."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.build import files
from alerts.policy import Policy
from monitor.durations import seconds_of
from monitor.policy import SHIPPED_POLICY, load_policy

SHIPPED = load_policy(SHIPPED_POLICY)
FLEET = load_policy(Path(__file__).parent / "fleet.yaml")
DOCUMENT = SHIPPED_POLICY.parents[1] / "docs" / "alerting.md"


def repeats(route: dict[str, Any], inherited: str = "") -> dict[str, int]:
    """Receiver to the seconds after which it is told again."""
    repeat = route.get("repeat_interval", inherited)
    found = {route["receiver"]: seconds_of(repeat)}
    for one in route.get("routes", ()):
        found |= repeats(one, repeat)
    return found


def test_watchdog_is_told_every_second_minute() -> None:
    """Alertmanager looks once a group_interval, and asks for more than the repeat_interval since it was told."""
    route = yaml.safe_load(files(SHIPPED)["alertmanager/alertmanager.yaml"])["route"]
    (dead_man,) = (one for one in route["routes"] if one["receiver"] == "dead-man")
    looks, apart = seconds_of(route["group_interval"]), seconds_of(dead_man["repeat_interval"])
    assert looks < apart < 2 * looks == 120
    assert "Watchdog comes every two minutes" in DOCUMENT.read_text()


@pytest.mark.parametrize("policy", [SHIPPED, FLEET], ids=["shipped", "fleet"])
def test_a_page_is_told_again_within_half_an_hour_and_a_ticket_within_four_hours(policy: Policy) -> None:
    found = repeats(yaml.safe_load(files(policy)["alertmanager/alertmanager.yaml"])["route"])
    pages = {seconds for receiver, seconds in found.items() if receiver.startswith("pagerduty")}
    tickets = {seconds for receiver, seconds in found.items() if receiver.startswith("tickets")}
    assert (pages, tickets) == ({1800}, {4 * 3600})
    assert "within 30 minutes for a page, 4 hours for a ticket" in DOCUMENT.read_text()
