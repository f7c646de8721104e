"""Stored windows as the detectors' columns, the same when they have just closed and a year later."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.base import Floats
from detectors.knowledge import sorted_names
from detectors.rolling import ByStratum, Columns
from monitor.columns import FLOORS, SCORED, Expected, Layout, Series, Tables, tables
from monitor.store.expected import read_expected
from monitor.store.windows import read_mask_counts
from monitor.windows import COMPLETENESS_SECONDS, WINDOW_SECONDS
from schemas.kpis import ARRIVALS, PROMPT_MIX

_ARRIVALS, _SHIFTS = SCORED.index(ARRIVALS), SCORED.index(PROMPT_MIX)


def read_columns(
    client: Client,
    features: Sequence[str],
    start: int,
    end: int,
    first: Mapping[str, int] | None = None,
    floors: Floats = FLOORS,
) -> Iterator[tuple[str, Columns]]:
    """Each of these features with its windows in [start, end), Unix seconds; a series for each of SCORED. Blocking.

    `first` says where a feature begins; without it, with its first window in there. `floors`, shape (KPIs,), is the
    coverage below which a window is unknown.
    """
    counts = read_mask_counts(client, start, end, features)
    expected = expected_when_judged(client, start, end, features)
    for feature in features:
        mine = counts.only(counts.feature == feature)
        own = {key: value for key, value in expected.items() if key[1] == feature}
        begins = int(mine.window_start.min(initial=end)) if first is None else first[feature]
        names = sorted_names(mine.stratum.tolist())
        layout = Layout(Series([feature]), {feature: begins}, {feature: names}, floors)
        yield feature, as_columns(tables(mine, own, start, end, layout), names)


def as_columns(found: Tables, strata: tuple[str, ...]) -> Columns:
    """The tables of a single feature, whose strata are all among these."""
    evaluated = np.where(found.unknown(), 0.0, found.evaluated)[:, 0, :].T
    bad = np.minimum(found.bad[:, 0, :].T, evaluated)
    by_stratum = None
    if len(strata) > 1:
        counts = (np.ascontiguousarray(table[:, 0, :-1, :].transpose(2, 1, 0)) for table in found.by_stratum)
        by_stratum = ByStratum(strata, *counts)
    both = np.ascontiguousarray(evaluated), np.ascontiguousarray(bad)
    return Columns(found.start, WINDOW_SECONDS, *both, strata=by_stratum, arrivals=_ARRIVALS, shifts=_SHIFTS)


def expected_when_judged(client: Client, start: int, end: int, features: Sequence[str] = ()) -> Expected:
    """What was expected and arrived, by the window it is judged in: COMPLETENESS_SECONDS after its own.

    Windows in which nothing was expected are left out. Blocking.
    """
    found = read_expected(client, start - COMPLETENESS_SECONDS, end - COMPLETENESS_SECONDS, features)
    return {(at + COMPLETENESS_SECONDS, feature): value for (at, feature), value in found.items() if value[0] > 0.0}
