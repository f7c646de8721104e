"""Incidents as a terminal shows them. Pure: the time is an argument."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitor.moments import rfc3339
from monitor.oncall.lookup import SHORT, Row
from monitor.oncall.story import CHANGES_WITHIN, SLICES_WITHIN, Story
from monitor.sql import render
from schemas.kpis import ARRIVALS, CATALOGUE

_LABEL = 11
_PSEUDONYM = 8
_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"))
_COLUMNS = (
    "id",
    "state",
    "severity",
    "feature",
    "kpi",
    "direction",
    "since",
    "for",
    "observed",
    "expected",
    "verdict",
    "by",
)


def table(incidents: Sequence[Row], now: datetime) -> str:
    """One line each."""
    return render(_COLUMNS, [_line(one, now) for one in incidents], "table")


def freshness(scored_until: int, now: datetime) -> str:
    """How new what is shown is. Without it, no incident may mean that nobody looked."""
    if not scored_until:
        return "NOBODY HAS SCORED ANYTHING YET: is a worker running?"
    behind = max(int(now.timestamp()) - scored_until, 0)
    late = ": THE SCORER IS BEHIND, so this may not be all" if behind > 120 else ""
    return f"scored until {rfc3339(scored_until)}, {span(behind)} ago{late}"


def quiet_ones(count: int) -> str:
    """That some are not over, though nobody is paged for them any more."""
    which = (
        "1 incident that people have resolved is" if count == 1 else f"{count} incidents that people have resolved are"
    )
    return f"{which} still seen by the detector: --all shows which; `vigil normal` tells it that this is meant"


def story_text(story: Story, commands: Sequence[str], now: datetime) -> str:
    """What somebody who was just woken must know, the most urgent first."""
    one = story.incident
    lines = [
        f"{one['feature']} {one['kpi']} {one['direction']}, {one['severity']}: {_state(one, now)}",
        _part("id", one["incident_id"]),
        _part("how much", f"{how_much(one)}; measured {span((now - one['updated_at']).total_seconds())} ago"),
        _part("coverage", f"{share(one['coverage'])} of what should have been evaluated was"),
        _part("since", f"{when(one['onset'])}, {span(_lasts(one, now))}; found {_delay(one)} after its onset"),
    ]
    if story.others:
        named = ", ".join(f"{o['kpi']} {o['direction']} ({o['incident_id'][:SHORT]})" for o in story.others)
        lines.append(_part("also open", named))
    lines += _block("changed", _changes(story))
    lines += _block("slices", _slices(story)) if story.members is None else _block("features", _members(story.members))
    lines += _block("history", [f"{when(h['at'])}  {h['what']}{_by(h['by'])}" for h in story.history])
    lines.append(_part("runbook", f"{story.runbook} (alerts/runbooks/{story.runbook}.md)"))
    lines += _block("next", commands)
    return "\n".join(lines) + "\n"


def how_much(incident: Row) -> str:
    """Size, interval, expectation and evidence; arrivals as numbers, as a share of places says nothing to anybody."""
    bad, evaluated, expected = incident["bad"], incident["evaluated"], incident["expected_rate"]
    evidence = f"log e-value {incident['log_e']:.1f}"
    if incident["kpi"] == ARRIVALS:
        return f"{bad:,} arrived, {expected * evaluated:,.0f} expected; {evidence}"
    low, high = (share(incident[name]) for name in ("interval_low", "interval_high"))
    excess = bad - expected * evaluated
    return (
        f"{share(incident['observed_rate'])} ({bad:,} of {evaluated:,}; 99 % interval {low} to {high}), expected "
        f"{share(expected)}: {abs(excess):,.0f} {'more' if excess >= 0 else 'fewer'} than expected; {evidence}"
    )


def share(value: float) -> str:
    """`4.1 %`, with as many digits as a rare event needs."""
    return f"{100 * value:.3g} %"


def span(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `9 d`: in the largest unit of which there are two."""
    for unit, name in _STEPS:
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"


def when(moment: datetime) -> str:
    """To the second, in UTC."""
    return rfc3339(int(moment.timestamp()))


def _line(one: Row, now: datetime) -> list[str]:
    return [
        one["incident_id"][:SHORT],
        one["state"],
        one["severity"],
        one["feature"],
        one["kpi"],
        one["direction"],
        when(one["onset"]),
        span(_lasts(one, now)),
        _size(one, one["observed_rate"]),
        _size(one, one["expected_rate"]),
        one["verdict"],
        one["said_by"][:_PSEUDONYM],
    ]


def _size(one: Row, rate: float) -> str:
    return f"{rate * one['evaluated']:,.0f}" if one["kpi"] == ARRIVALS else share(rate)


def _lasts(one: Row, now: datetime) -> float:
    seconds: float = ((one["resolved_at"] or now) - one["onset"]).total_seconds()
    return max(seconds, 0.0)


def _delay(one: Row) -> str:
    return span((one["detected_at"] - one["onset"]).total_seconds())


def _state(one: Row, now: datetime) -> str:
    verdict = f", judged {one['verdict']}{_by(one['verdict_by'])}" if one["verdict"] else ""
    if one["recovered_at"] is not None:
        return f"RESOLVED, the KPI came back {span((now - one['recovered_at']).total_seconds())} ago{verdict}"
    if one["said_at"] is None:
        return f"OPEN, and nobody has answered{verdict}"
    still = "; the KPI is not back" if one["state"] == "resolved" else ""
    ago = span((now - one["said_at"]).total_seconds())
    return f"{one['state'].upper()}{_by(one['said_by'])} {ago} ago{still}{verdict}"


def _changes(story: Story) -> list[str]:
    if not story.changes:
        return [f"nothing that is known of, {span(CHANGES_WITHIN.total_seconds())} before to 10 min after"]
    return [_change(one) for one in story.changes]


def _change(one: Row) -> str:
    minutes = one["minutes_before"]
    side = "before" if minutes >= 0 else "after"
    versions = " to ".join(str(one[name]) for name in ("from_version", "to_version") if one[name])
    rollout = "" if one["rollout"] is None else f"to {share(one['rollout'])} of traffic"
    words = (one["what"], one["subject"], versions, rollout, one["region"], f"({one['source']}, {one['scope']})")
    return f"{abs(minutes):g} min {side}: " + " ".join(str(word) for word in words if word)


def _slices(story: Story) -> Iterator[str]:
    if story.slices is None:
        kpi = story.incident["kpi"]
        yield "slices explain a rise, and this is a fall" if kpi in CATALOGUE else f"{kpi} is not counted by slice"
        return
    if not story.slices:
        yield f"none stands out in the first {span(SLICES_WITHIN.total_seconds())}"
    for one in story.slices:
        explained = "" if one["share"] is None else f"explains {share(one['share'])}: "
        rates = f"{share(one['rate'])} of {one['evaluated']:,}, expected {share(one['expected_rate'])}"
        yield f"{one['slice_name']}  {explained}{rates}"


def _members(members: Sequence[Row]) -> Iterator[str]:
    for one in members:
        rate = "nothing evaluated" if one["rate"] is None else f"{share(one['rate'])} of {one['evaluated']:,}"
        before = "not there before" if one["rate_before"] is None else f"before {share(one['rate_before'])}"
        excess = "" if one["excess"] is None else f", excess {one['excess']:+,.0f}"
        yield f"{one['feature']}  {rate}, {before}{excess}"


def _by(pseudonym: str) -> str:
    return f" by {pseudonym[:_PSEUDONYM]}" if pseudonym else ""


def _part(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _block(label: str, lines: Sequence[str] | Iterator[str]) -> list[str]:
    return [_part(label if number == 0 else "", line) for number, line in enumerate(lines)]
