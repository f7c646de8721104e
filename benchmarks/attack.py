"""An attack with names: every event is of a feature of its own. What it costs, and whether it is harmless.

Harmless is: the worker lives, every event is counted once under its own name in the store, Prometheus gets
no more features than the cap allows, the scorer comes past the attack in two minutes, and the worker's
memory is bounded. The last is judged by growth: from the second to the third attack, which is twice as
long, memory grows by less than a tenth. Memory that is kept for every name would nearly double. A worker
that has taken 4 GB is not let go on, for the sake of the machine.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import say
from benchmarks.endtoend import Run, read_all
from benchmarks.events import NEW_EACH
from benchmarks.memory import peak_mb, resident_mb
from benchmarks.system import System, samples, system
from benchmarks.throughput import filled, records
from monitor.clock import monotonic, now
from monitor.settings import Settings
from schemas.topics import TELEMETRY_TOPIC

_GROWTH, _MOST_MB, _LOOK_EVERY = 1.1, 4000.0, 0.5
_SCORED = "vigil_scored_until_timestamp_seconds"
_COUNTED = f"""
SELECT sumIf(n, row_kind = 'cell') AS cells, uniqExactIf(feature, row_kind = 'cell') AS features,
       sumIf(accepted, row_kind = 'range') AS accepted, (SELECT countIf(gap != 0) FROM offset_audit) AS gaps
FROM windows WHERE topic = '{TELEMETRY_TOPIC.name}'"""  # noqa: S608  # a name of ours


@dataclass(frozen=True, slots=True)
class Attack:
    """What one attack did; memory in MB."""

    run: Run
    names: int
    rss_end_mb: float
    """After the worker has scored it, or has had its time for that."""
    peak_mb: float
    other_share: float
    """Events that Prometheus has under `other`, 0 to 1."""
    features_in_metrics: int
    slices_folded: int
    """Dimension values that went into `other` in the store."""
    series: int
    """Lines of /metrics."""
    scored: bool
    """Whether the scorer had come past the attack."""
    exact: bool


def attack(count: int, folder: Path, rest: float) -> Attack:
    """Let a new worker read `count` events of as many features, and score them in at most `rest` seconds.

    Raises UserError when the worker ends.
    """
    folder.mkdir()
    say(f"cardinality attack: {count:,} events, each of a feature of its own")
    events = records(count, features=NEW_EACH)
    with filled(events, 4, folder) as broker, system(broker, folder / "run", embedded=False) as watched:
        run = read_all(watched, count)
        give_up = monotonic() + rest
        while monotonic() < give_up and resident_mb(watched.worker_pid) < _MOST_MB and not _scored(watched.metrics()):
            time.sleep(_LOOK_EVERY)
            watched.check_alive()
        return _looked(watched, run, count)


def _looked(watched: System, run: Run, count: int) -> Attack:
    text = watched.metrics()
    features = samples(text, "vigil_interactions_total")
    [row] = watched.rows(_COUNTED)
    found = {name: int(value) for name, value in row.items()}
    return Attack(
        run,
        count,
        resident_mb(watched.worker_pid),
        peak_mb(watched.worker_pid),
        features.get('feature="other"', 0.0) / count,
        len(features),
        int(sum(samples(text, "vigil_slices_capped_total").values())),
        sum(not line.startswith("#") for line in text.splitlines()),
        _scored(text),
        found == {"cells": count, "features": count, "accepted": count, "gaps": 0},
    )


def _scored(text: str) -> bool:
    """Whether the scorer has come to the present: the attack's events lie an hour back."""
    return samples(text, _SCORED)[""] > now().timestamp() - 600


def described(one: Attack) -> dict[str, Any]:
    """What an attack shows."""
    return {
        "new_features": one.names,
        "per_cpu_s": round(one.run.per_cpu_s),
        "worker_rss_end_mb": round(one.rss_end_mb),
        "worker_peak_mb": round(one.peak_mb),
        "features_in_metrics": one.features_in_metrics,
        "other_share": round(one.other_share, 4),
        "slices_folded": one.slices_folded,
        "metric_series": one.series,
        "scored": one.scored,
        "exact": one.exact,
    }


def harmless(attacks: Sequence[dict[str, Any]], cap: int = Settings.model_fields["features"].default) -> bool | None:
    """Whether these attacks, each twice as long as the one before, did no harm; None for fewer than three.

    `cap` is how many features have metrics of their own.
    """
    if len(attacks) < 3:
        return None
    sized = [one["worker_peak_mb"] for one in attacks[-2:]]
    counted = all(one["exact"] and one["scored"] and one["features_in_metrics"] <= cap + 1 for one in attacks)
    return bool(counted and sized[1] < _GROWTH * sized[0])
