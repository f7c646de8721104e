"""What a backtest found, in numbers: pages per series-week and per feature-week with their intervals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import chi2

from detectors.season import WEEK
from monitor.backtest.scoring import Outcome

_SHOWN = 5
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Setting:
    """What was tried on what."""

    source: str
    policy: str
    window_seconds: int
    notes: Sequence[str]


def poisson_interval(count: int, level: float = _LEVEL) -> tuple[float, float]:
    """The exact interval of a Poisson mean of which `count` was seen (Garwood)."""
    tail = (1.0 - level) / 2.0
    low = float(chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    return low, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0


def as_json(setting: Setting, found: Outcome, seconds: float) -> dict[str, Any]:
    """The summary for programs; `seconds` is how long it took. Rates are None where nothing was watched."""
    weeks, feature_weeks = sum(found.watched.values()) / WEEK, found.watched_features / WEEK
    pages = Counter(page.kpi for page in found.pages)
    return {
        "source": setting.source,
        "policy": setting.policy,
        "window_seconds": setting.window_seconds,
        "series": found.series,
        "series_without_baseline": len(found.cold),
        "windows": found.windows,
        "series_weeks": round(weeks, 4),
        "pages": len(found.pages),
        "pages_per_series_week": _per(weeks, len(found.pages)),
        "interval_95": _interval_per(weeks, len(found.pages)),
        "feature_weeks": round(feature_weeks, 4),
        "pages_per_feature_week": _per(feature_weeks, len(found.pages)),
        "interval_95_per_feature_week": _interval_per(feature_weeks, len(found.pages)),
        "not_paged_by_policy": found.silent.total(),
        "by_kpi": {
            kpi: {
                "pages": pages[kpi],
                "not_paged_by_policy": found.silent[kpi],
                "series_weeks": round(found.watched[kpi] / WEEK, 4),
            }
            for kpi in sorted(found.watched.keys() | pages.keys() | found.silent.keys())
        },
        "windows_per_second": round(found.windows / max(seconds, 1e-9)),
        "notes": list(setting.notes),
    }


def _per(weeks: float, pages: int) -> float | None:
    return round(pages / weeks, 4) if weeks else None


def _interval_per(weeks: float, pages: int) -> list[float] | None:
    return [round(end / weeks, 4) for end in poisson_interval(pages)] if weeks else None


def as_text(summary: dict[str, Any], found: Outcome) -> str:
    """The summary for people."""
    lines = [f"note: {note}" for note in summary["notes"]]
    if found.cold:
        named = ", ".join(f"{feature} {kpi}" for feature, kpi in found.cold[:_SHOWN])
        more = f" and {len(found.cold) - _SHOWN:,} more" if len(found.cold) > _SHOWN else ""
        lines.append(f"WARMING all the time, nothing could page: {named}{more}")
    width = max((len(kpi) for kpi in summary["by_kpi"]), default=3)
    lines.append(f"{'KPI':<{width}}  pages  not paged by policy  series-weeks watched")
    for kpi, row in summary["by_kpi"].items():
        lines.append(
            f"{kpi:<{width}}  {row['pages']:>5,}  {row['not_paged_by_policy']:>19,}  {row['series_weeks']:>20,.2f}"
        )
    total = f"{summary['pages']:,} pages of {summary['series']:,} series in {summary['series_weeks']:,.2f} series-weeks"
    if summary["pages_per_series_week"] is not None:
        low, high = summary["interval_95_per_feature_week"]
        total += (
            f": {summary['pages_per_series_week']:.3g} per series-week, "
            f"{summary['pages_per_feature_week']:.3g} per feature-week (95 % interval {low:.3g} to {high:.3g})"
        )
    lines.append(f"{total}; policy {summary['policy']}")
    return "\n".join(lines)
