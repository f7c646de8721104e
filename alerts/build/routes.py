"""Alertmanager's configuration: who is told, when warnings wait, what is one page, and what mutes what."""

from collections.abc import Iterator
from typing import Any

from alerts.build.page import INSTALLATION, pagerduty, slack
from alerts.build.text import regex_of
from alerts.policy import DAYS, Policy, QuietHours, Team

HEAD = """Built by `vigil policy build` from alerts/policy.yaml; change that.
Who is told, and when not. Secrets are files and never in here. `vigil demo` runs this file with other
addresses and shorter waits. To be told of what can wait, give the team a slack_channel in the policy; to be told
when nothing comes out any more, give it dead_man, the address of a service outside this cluster."""

_QUIET = "quiet-hours"
_PAGE_WAIT, _TICKET_WAIT = "1s", "10s"
"""From the first alert of a group to its message. What joins a page later pages nobody, so a second is enough. A ticket
waits longer, for the critical alert of the next evaluation that mutes it."""
_PAGE_REPEAT, _TICKET_REPEAT = "30m", "4h"
"""PagerDuty adds a repeated trigger to the open incident and tells nobody. Where somebody resolved that by hand, it is
the next page: Alertmanager does not know of it, nor does it tell the end of what ended while it was muted."""
_ALIVE_REPEAT = "110s"
"""Every second minute: Alertmanager looks once a minute, whether more than this has gone by since it was told."""
_NO_WORKER = 'alertname=~"VigilWorkersAbsent|VigilIntakeStopped"'
_LESSER = 'severity=~"warning|info|none"'
_ONE_KPI = ['severity="critical"', 'feature=~".+"', 'feature!="other"', 'kpi=~".+"']
"""Pages that are about one KPI of one feature. Feature "other" stands for many, which must not join one another."""
_UNKNOWN = ['alertname=~"VigilTelemetryIncomplete|VigilNoGuardrailEvaluations"', 'kpi!="telemetry_completeness"']
"""Nobody evaluates this KPI, which is another fault than that it is bad."""


def alertmanager(policy: Policy) -> dict[str, Any]:
    """The whole configuration, as Alertmanager 0.25 and newer take it."""
    return {
        "global": {"pagerduty_url": "https://events.pagerduty.com/v2/enqueue"},
        "route": {
            "receiver": "pagerduty",  # a severity nobody planned for wakes somebody: unknown is not safe
            "group_by": ["alertname", "feature", "kpi", INSTALLATION],
            "group_wait": _PAGE_WAIT,
            "group_interval": "1m",
            "repeat_interval": _PAGE_REPEAT,
            "routes": [*_routes(policy)],
        },
        "inhibit_rules": _inhibitions(),
        **({"time_intervals": [_quiet(policy.quiet_hours)]} if policy.quiet_hours else {}),
        "receivers": [*_receivers(policy), _dead_man(policy)],
    }


def _routes(policy: Policy) -> Iterator[dict[str, Any]]:
    yield {
        "matchers": ['alertname="Watchdog"'],
        "receiver": "dead-man",
        "group_wait": "0s",
        "repeat_interval": _ALIVE_REPEAT,
    }
    for team in policy.teams:
        names = sorted(name for name, one in policy.features.items() if one.owner == team)
        if names and team != policy.owner:
            yield {
                "matchers": [f'feature=~"{regex_of(names)}"'],
                "receiver": f"pagerduty-{team}",
                "routes": [*_one_page(f"pagerduty-{team}"), _lesser(policy, f"tickets-{team}")],
            }
    yield from _one_page("pagerduty")
    # Workers that end as soon as they start are absent now and then: one outage, whichever comes first.
    yield {"matchers": [_NO_WORKER], "receiver": "pagerduty", "group_by": ["service", INSTALLATION]}
    yield {"matchers": ['severity=~"critical|error"'], "receiver": "pagerduty"}
    yield _lesser(policy, "tickets")


def _one_page(receiver: str) -> Iterator[dict[str, Any]]:
    """One page for one KPI of one feature, whichever of its alerts comes first, and until the last one ends.

    A group and not an inhibition, which loses ends and pages anew when what muted ends first (docs/decisions/0018).
    """
    for matchers in ([*_ONE_KPI, *_UNKNOWN], _ONE_KPI):
        yield {"matchers": matchers, "receiver": receiver, "group_by": ["feature", "kpi", INSTALLATION]}


def _lesser(policy: Policy, receiver: str) -> dict[str, Any]:
    quiet = {"mute_time_intervals": [_QUIET]} if policy.quiet_hours else {}
    waits = {"group_wait": _TICKET_WAIT, "repeat_interval": _TICKET_REPEAT}
    return {"matchers": [_LESSER], "receiver": receiver, **waits, **quiet}


def _inhibitions() -> list[dict[str, Any]]:
    """While telemetry is missing a rate is unknown, and its page would be about the gap; a single severe event is not.

    Not for feature "other": it stands for many features, and one of them must not mute the rest. Where `feature` is
    missing on both sides Alertmanager takes it as equal, hence the sources that must have one.
    """
    incomplete, not_other = 'alertname="VigilTelemetryIncomplete"', 'feature!="other"'
    derived = ['alertname!="VigilTelemetryIncomplete"', 'service="vigil"', 'basis!="count"']
    rules: list[dict[str, Any]] = [
        {
            "source_matchers": [incomplete, 'kpi="telemetry_completeness"', not_other],
            "target_matchers": derived,
            "equal": ["feature"],
        },
        {
            "source_matchers": [incomplete, 'kpi!="telemetry_completeness"', not_other],
            "target_matchers": derived,
            "equal": ["feature", "kpi"],
        },
        {
            "source_matchers": ['severity="critical"', 'service="vigil"', 'feature=~".+"', not_other],
            "target_matchers": ['severity=~"warning|info"', 'service="vigil"', 'basis!="count"'],
            "equal": ["feature", "kpi"],
        },
        {
            "source_matchers": ['alertname=~"VigilWorkersAbsent|VigilTelemetryStopped"'],
            "target_matchers": [incomplete, 'symptom="silent"'],
        },
        {
            "source_matchers": ['alertname="VigilWorkersAbsent"'],
            "target_matchers": ['alertname="VigilProbeLost"'],
        },
        {
            "source_matchers": ['alertname="VigilIntakeStopped"'],
            "target_matchers": [incomplete, 'symptom="silent"'],
        },
        {
            "source_matchers": ['alertname="VigilIntakeStopped"'],
            "target_matchers": ['alertname=~"VigilWatermarkStale|VigilScorerStale|VigilProbeLost"'],
        },
        {  # no window closes while one partition of telemetry stands still, so nobody can score
            "source_matchers": ['alertname="VigilWatermarkStale"', 'topic=~"ai[.]telemetry.*"'],
            "target_matchers": ['alertname="VigilScorerStale"'],
        },
    ]
    return [one | {"equal": [*one.get("equal", ()), INSTALLATION]} for one in rules]


def _quiet(hours: list[QuietHours]) -> dict[str, Any]:
    return {"name": _QUIET, "time_intervals": [one for quiet in hours for one in _spans(quiet)]}


def _spans(quiet: QuietHours) -> Iterator[dict[str, Any]]:
    """Alertmanager's spans end at midnight, so a night is two: the evening, and the morning of the day after."""
    if quiet.begin < quiet.end:
        yield _span(quiet.begin, quiet.end, [*quiet.days], quiet.zone)
        return
    yield _span(quiet.begin, "24:00", [*quiet.days], quiet.zone)
    if quiet.end != "00:00":
        next_days = [DAYS[(DAYS.index(day) + 1) % len(DAYS)] for day in quiet.days]
        yield _span("00:00", quiet.end, [*next_days], quiet.zone)


def _span(begin: str, end: str, days: list[str], zone: str) -> dict[str, Any]:
    return {
        "times": [{"start_time": begin, "end_time": end}],
        "weekdays": sorted(days, key=[*DAYS].index),
        "location": zone,
    }


def _receivers(policy: Policy) -> Iterator[dict[str, Any]]:
    owner = policy.teams[policy.owner]
    yield {"name": "pagerduty", "pagerduty_configs": [pagerduty(policy, owner.pagerduty_key)]}
    yield _tickets(policy, "tickets", owner)
    for name, team in policy.teams.items():
        if name != policy.owner and any(one.owner == name for one in policy.features.values()):
            yield {"name": f"pagerduty-{name}", "pagerduty_configs": [pagerduty(policy, team.pagerduty_key)]}
            yield _tickets(policy, f"tickets-{name}", team)


def _dead_man(policy: Policy) -> dict[str, Any]:
    """Who misses Watchdog. Its end is not sent: the service would take that, too, for a sign of life."""
    if policy.dead_man is None:
        return {"name": "dead-man"}
    return {"name": "dead-man", "webhook_configs": [{"url": policy.dead_man, "send_resolved": False}]}


def _tickets(policy: Policy, name: str, team: Team) -> dict[str, Any]:
    receiver: dict[str, Any] = {"name": name}
    if team.tickets_key is not None:
        receiver["pagerduty_configs"] = [pagerduty(policy, team.tickets_key)]
    if team.slack_channel is not None:
        receiver["slack_configs"] = [slack(policy, team.slack_channel)]
    return receiver
