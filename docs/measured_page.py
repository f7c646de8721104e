"""The README's block of how soon a page comes: made of the result file of `make bench-page`, never typed."""

import json
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent.parent / "benchmarks" / "results" / "page.json"
_WAYS = {"shipped": ", as shipped", "every_fifteen_seconds": "", "every_second": ", as `make demo`"}
_INTERVALS = ("scrape", "evaluation", "group_wait", "group_interval")
_PARTS = {
    "window_s": "until the window ends that decides",
    "grace_s": "for stragglers",
    "scoring_s": "to store and to score",
    "prometheus_s": "for scrape and rules",
    "alertmanager_s": "in Alertmanager",
}


def page_table() -> str:
    """What the last full `make bench-page` measured: with the shipped intervals, and with longer and shorter ones."""
    if not RESULT.exists():
        return "No full run has been kept yet: `make bench-page` writes one."
    found = json.loads(RESULT.read_text("utf-8"))
    ways = {name: found if name == "shipped" else found[name] for name in _WAYS}
    rows = [
        "| scrape / rules / group wait / group interval | onset to page: median (longest) | recovery to end: median |",
        "|---|---|---|",
        *(_row(way, _WAYS[name]) for name, way in ways.items()),
    ]
    return "\n".join([*rows, "", _circumstances(found, list(ways.values())), _quiet_day(found["quiet_day"])])


def _row(way: dict[str, Any], called: str) -> str:
    intervals = " / ".join(way["intervals"][name] for name in _INTERVALS)
    page = f"{way['seconds_to_page_median']:.0f} s ({way['seconds_to_page_max']:.0f} s)"
    return f"| {intervals}{called} | {page} | {way['seconds_to_resolve_median']:.0f} s |"


def _circumstances(found: dict[str, Any], ways: list[dict[str, Any]]) -> str:
    missing, others = sum(way["pages_missing"] for way in ways), sum(len(way["other_pages"]) for way in ways)
    spike = f"refusals x {found['factor']:.0f} at {found['rate_per_s']:.0f} requests a second"
    where = ", ".join(f"{found['mean_parts'][name]:.1f} s {text}" for name, text in _PARTS.items())
    return (
        f"{found['rounds']} incidents, {spike}, "
        f"{found['date'][:10]}: {missing} pages missing, {others} others. The goal for the median is "
        f"{found['goal_seconds_to_page_median']:.0f} s. As shipped the time goes, in the mean: {where}."
    )


def _quiet_day(found: dict[str, Any]) -> str:
    pages = found["whole"]["pages"]
    woken = f"what paged: {', '.join(pages)}" if pages else "nothing paged"
    return (
        f"In {found['hours']:.0f} simulated hours without an incident ({found['features']} features, "
        f"{found['records']:,} records, {found['times_faster']:.0f} times faster than time) {woken}."
    )


BLOCKS = {"page": page_table}
