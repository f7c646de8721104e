"""The commands to paste next, complete with feature, KPI and times. Pure."""

import re
import shlex
from collections.abc import Iterator
from datetime import datetime

from alerts.queries import load
from monitor.moments import rfc3339
from monitor.oncall.lookup import SHORT, Row
from monitor.oncall.story import has_slices
from schemas.kpis import CATALOGUE
from schemas.pools import is_pool

_OF_EVENTS = ("who_was_exposed", "which_events", "did_guardrails_run")
"""Questions about events that are counted; nothing that is missing can be listed."""

_OF_POOLS = ("which_members", "what_changed")


def commands(incident: Row, now: datetime, dsn: str | None) -> list[str]:
    """What shows more of an incident, then what answers it; `dsn` is the store that was asked, where one was named."""
    store = "" if dsn is None else f" --store {shlex.quote(_without_password(dsn))}"
    series = f"{incident['feature']} {incident['kpi']}"
    drawn = [] if is_pool(incident["feature"]) else [f"vigil explain {series} --at {_when(incident['onset'])}{store}"]
    return [
        *drawn,
        *(f"{line}{store}" for line in _questions(incident, now)),
        *_answers(incident, store),
    ]


def _questions(incident: Row, now: datetime) -> Iterator[str]:
    given = {
        "feature": incident["feature"],
        "kpi": incident["kpi"],
        "at": _when(incident["onset"]),
        "from": _when(incident["onset"]),
        "to": _when(incident["recovered_at"] or now),
        "lookback_minutes": "1440",
        "baseline_minutes": "60",
    }
    counted = _OF_EVENTS if incident["kpi"] in CATALOGUE else ()
    slices = ("which_slices",) if has_slices(incident) else ()
    of_feature = (*slices, *counted, "what_changed", "was_telemetry_complete")
    for name in _OF_POOLS if is_pool(incident["feature"]) else of_feature:
        words = (f"--param {parameter.name}={given[parameter.name]}" for parameter in load(name).parameters)
        yield f"vigil sql --query-name {name} {' '.join(words)}"


def _answers(incident: Row, store: str) -> Iterator[str]:
    short = incident["incident_id"][:SHORT]
    if incident["state"] == "open":
        yield f"vigil incidents ack {short}{store}"
    if incident["state"] != "resolved":
        yield f"vigil incidents resolve {short}{store}"
    if not incident["verdict"]:
        yield f"vigil incidents verdict {short} actionable{store}"


def _when(moment: datetime) -> str:
    return rfc3339(int(moment.timestamp()))


def _without_password(dsn: str) -> str:
    """What is pasted goes on into chats."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1@", dsn)
