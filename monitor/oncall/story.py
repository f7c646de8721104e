"""What is known of one incident: what happened to it, what changed before it, and which slices explain it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client

from alerts.build.incidents import POOL_ALERT, alert_of
from alerts.queries import load
from monitor.oncall.lookup import Row, ask
from schemas.kpis import CATALOGUE
from schemas.pools import is_pool

CHANGES_WITHIN = timedelta(hours=1)
"""Changes so long before the onset are told; a page names what came just before it."""
SLICES_WITHIN = timedelta(hours=6)
"""Slices are those of so much time from the onset on: what set it off shows early, and the query stays quick."""
_NORMAL_MINUTES = 60
_SLICES = 5


@dataclass(frozen=True, slots=True)
class Story:
    """An incident and all that stands around it."""

    incident: Row
    history: list[Row]
    """`at`, `what`, `by` (a pseudonym, or ""), in order of time."""
    changes: list[Row]
    """The rows of `what_changed`."""
    slices: list[Row] | None
    """The first rows of `which_slices`; None where slices cannot explain it."""
    others: list[Row]
    """Incidents of the same feature that are open now."""
    runbook: str
    members: list[Row] | None = None
    """The first rows of `which_members`; None where the incident is not a pool's."""


def read_story(client: Client, incident: Row, now: datetime) -> Story:
    """Everything about an incident, as a row of incident_list. Blocking."""
    return Story(
        incident,
        _history(client, incident),
        _changes(client, incident),
        _slices(client, incident, now) if has_slices(incident) else None,
        ask(
            client,
            "SELECT * FROM current_incidents WHERE feature = {feature:String} AND incident_id != {incident_id:String} "
            "ORDER BY onset",
            {name: incident[name] for name in ("feature", "incident_id")},
        ),
        POOL_ALERT if is_pool(incident["feature"]) else alert_of(incident["kpi"], incident["direction"]),
        _slices(client, incident, now, "which_members") if is_pool(incident["feature"]) else None,
    )


def has_slices(incident: Row) -> bool:
    """Whether `which_slices` can say anything: it explains too much of what is counted, not too little."""
    counted = incident["kpi"] in CATALOGUE and not is_pool(incident["feature"])
    return counted and incident["direction"] == "up"


def _history(client: Client, incident: Row) -> list[Row]:
    answers = ask(
        client,
        "SELECT said_at AS at, said AS what, said_by AS by FROM incident_answers "
        "WHERE incident_id = {incident_id:String} ORDER BY said_at, partition, offset",
        {"incident_id": incident["incident_id"]},
    )
    return sorted([*_seen(incident), *answers], key=lambda one: one["at"])


def _seen(incident: Row) -> Iterator[Row]:
    """What the detector said."""
    for name, what in (("onset", "began"), ("detected_at", "detected"), ("recovered_at", "the KPI came back")):
        if incident[name] is not None:
            yield {"at": incident[name], "what": what, "by": ""}


def _changes(client: Client, incident: Row) -> list[Row]:
    values = {
        "feature": incident["feature"],
        "at": incident["onset"],
        "lookback_minutes": CHANGES_WITHIN // timedelta(minutes=1),
    }
    return ask(client, load("what_changed").text, values)


def _slices(client: Client, incident: Row, now: datetime, query: str = "which_slices") -> list[Row]:
    values = {
        "feature": incident["feature"],
        "kpi": incident["kpi"],
        "from": incident["onset"],
        "to": min(incident["recovered_at"] or now, incident["onset"] + SLICES_WITHIN),
        "baseline_minutes": _NORMAL_MINUTES,
    }
    return ask(client, load(query).text, values)[:_SLICES]
