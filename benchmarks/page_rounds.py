"""From what was seen of each incident to seconds, and where they went. No I/O.

A delay is never flattered: an incident begins when refusals begin to rise, which is just before the first refusal that
would not have been, and a page counts when the receiver has it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

PARTS = ("window_s", "grace_s", "scoring_s", "prometheus_s", "alertmanager_s")
"""What a page's delay is made of, in order; `parts` says from when to when each runs."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One round, up to where its ways to the receivers part. Times in Unix seconds."""

    feature: str
    onset: float
    ends: float
    """When refusals are again as before."""
    decided: float | None
    """End of the window in which the detector decided; None where it never did."""
    shown: float | None
    """When the worker's /metrics said so."""


@dataclass(frozen=True, slots=True)
class Way:
    """What one Prometheus and one Alertmanager made of an incident. Times in Unix seconds; None where it never came."""

    fired: float | None
    """The evaluation in which the alert fired first."""
    paged: float | None
    resolved: float | None


def parts(incident: Incident, way: Way, grace: float) -> dict[str, float] | None:
    """Seconds by PARTS, which add up to the page's delay; None where there was no page.

    The window: until the end of the window that decided. The grace: what a window waits for stragglers. Scoring: the
    watermark's way through Kafka and the store, the score, and /metrics. Prometheus: the scrape and the evaluation.
    Alertmanager: the wait of a group, and the way to the receiver.
    """
    times = (incident.decided, incident.shown, way.fired, way.paged)
    if any(time is None for time in times):
        return None
    decided, shown, fired, paged = (float(time) for time in times if time is not None)
    edges = (incident.onset, decided, decided + grace, shown, fired, paged)
    return {name: edges[at + 1] - edges[at] for at, name in enumerate(PARTS)}


def described(incidents: Sequence[Incident], ways: Mapping[str, Way], grace: float) -> dict[str, Any]:
    """The figures of one way, over all rounds; None for a median of nothing."""
    pairs = [(incident, ways[incident.feature]) for incident in incidents]
    pages = [way.paged - incident.onset for incident, way in pairs if way.paged is not None]
    resolves = [way.resolved - incident.ends for incident, way in pairs if way.resolved is not None]
    split = [found for incident, way in pairs if (found := parts(incident, way, grace)) is not None]
    return {
        "rounds": len(pairs),
        "pages_missing": len(pairs) - len(pages),
        "seconds_to_page_median": _of(median, pages),
        "seconds_to_page_min": _of(min, pages),
        "seconds_to_page_max": _of(max, pages),
        "resolves_missing": len(pairs) - len(resolves),
        "seconds_to_resolve_median": _of(median, resolves),
        "seconds_to_resolve_max": _of(max, resolves),
        "mean_parts": {name: _of(fmean, [one[name] for one in split]) for name in PARTS},
        "seconds_to_page": [round(seconds, 2) for seconds in pages],
    }


def first_after(moments: Iterable[float], begin: float) -> float | None:
    """The first of these moments that is not before `begin`; None where there is none."""
    return min((moment for moment in moments if moment >= begin), default=None)


def _of(what: Any, values: Sequence[float]) -> float | None:
    return round(what(values), 2) if values else None
