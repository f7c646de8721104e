"""A past day of windows, drawn at once: what ingest would have stored, had the features run that long.

Counts, bursts and masks follow the distributions of the live stream. Slices are coarser: per window
and feature one per prompt category and model, in each arm, and one for later verdicts. The other
dimensions are drawn once for each of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.simulator.cases import table
from monitor.simulator.joint import Joint, joints
from monitor.simulator.profiles import PROFILES, Mix, Profile
from monitor.simulator.traffic import Floats, Ints, Traffic
from monitor.simulator.verdicts import verdict_mask
from monitor.windows import DIMENSIONS, WINDOW_SECONDS, window_start
from schemas.outcomes import Bit

_HOUR = 3600
_COMMON = 12  # masks drawn by count; the many rarer ones are drawn one by one

Columns = dict[str, list[Any]]
"""window_start in Unix seconds, the DIMENSIONS, mask, n, weight: lists of one length."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """Per cell: its row (a window and slice), its mask, its count."""

    row: Ints
    mask: Ints
    n: Ints


def history(
    end: datetime,
    hours: int = 24,
    seed: int = 1,
    traffic: Traffic | None = None,
    profiles: tuple[Profile, ...] = PROFILES,
) -> Iterator[Columns]:
    """The windows of the hours that end with the last whole window before `end`: one block per hour.

    The same arguments give the same blocks.
    """
    last = window_start(end.timestamp())
    flow = Traffic() if traffic is None else traffic
    rngs = [np.random.default_rng([seed, last, place, hours]) for place in range(len(profiles))]
    for hour in range(hours, 0, -1):
        starts = np.arange(last - hour * _HOUR, last - (hour - 1) * _HOUR, WINDOW_SECONDS, dtype=np.int64)
        parts = [_block(profile, flow, starts, rng) for profile, rng in zip(profiles, rngs, strict=True)]
        yield {name: [value for part in parts for value in part[name]] for name in parts[0]}


def _block(profile: Profile, traffic: Traffic, starts: Ints, rng: np.random.Generator) -> Columns:
    """One feature's cells of these windows."""
    total = traffic.counts(traffic.mean(starts.astype(np.float64), profile.share), profile.dispersion, rng)
    total = rng.binomial(total, profile.delivery).astype(np.int64)
    strata = len(table(profile).strata) // 2
    shares = table(profile).shares[:strata] / table(profile).shares[:strata].sum()
    canary = rng.binomial(total, profile.canary.share)
    # Row = window x slots + slot. The slots are the strata, baseline's and then canary's, and the judges'.
    slots = 2 * strata + 1
    stratum = np.tile(np.arange(slots), (len(starts), 1))
    stratum[:, -1] = rng.choice(strata, len(starts), p=shares)
    counts = np.zeros((len(starts), slots), dtype=np.int64)
    counts[:, :strata] = rng.multinomial(total - canary, shares)
    counts[:, strata:-1] = rng.multinomial(canary, shares)
    flat, wanted = stratum.ravel(), counts.ravel()
    judged = np.arange(len(starts)) * slots + slots - 1
    cells = [_verdicts(profile, judged, total, rng)]
    for place, joint in enumerate(joints(profile)):
        rows = np.flatnonzero((flat == place) & (wanted > 0))
        cells.append(_draw(joint, rows, wanted[rows], rng))
    merged = _Cells(*(np.concatenate([getattr(c, name) for c in cells]) for name in ("row", "mask", "n")))
    return _columns(profile, starts, flat, merged, rng)


def _draw(joint: Joint, rows: Ints, counts: Ints, rng: np.random.Generator) -> _Cells:
    """How many interactions of each row have which mask."""
    common, masks = min(_COMMON, len(joint.masks)), joint.masks
    odds = np.append(joint.odds[:common], max(1.0 - joint.odds[:common].sum(), 0.0))
    drawn = rng.multinomial(counts, odds / odds.sum())
    row, column = np.nonzero(drawn[:, :common])
    rare_rows = np.repeat(rows, drawn[:, common])
    if len(rare_rows) and common < len(masks):
        ends = joint.odds[common:].cumsum()
        picked = np.searchsorted(ends, rng.random(len(rare_rows)) * ends[-1], side="right")
        pairs = rare_rows * len(masks) + np.minimum(common + picked, len(masks) - 1)
        keys, n = np.unique(pairs, return_counts=True)
    else:
        keys, n = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return _Cells(
        np.concatenate([rows[row], keys // len(masks)]),
        np.concatenate([masks[column], masks[keys % len(masks)]]),
        np.concatenate([drawn[row, column], n]),
    )


def _verdicts(profile: Profile, rows: Ints, total: Ints, rng: np.random.Generator) -> _Cells:
    """Later evaluations that say something; those without a KPI of their own leave no cell."""
    found: list[_Cells] = []
    for judge in profile.judges:
        good, bad = verdict_mask(judge, False), verdict_mask(judge, True)
        if not bad:
            continue
        looked = rng.binomial(total, judge.share * (1.0 - judge.error_rate))
        wrong = rng.binomial(looked, judge.bad_rate)
        for mask, n in ((good, looked - wrong), (bad, wrong)):
            some = np.flatnonzero(n)
            found.append(_Cells(rows[some], np.full(len(some), mask, dtype=np.int64), n[some]))
    empty = np.zeros(0, dtype=np.int64)
    found.append(_Cells(empty, empty, empty))
    return _Cells(*(np.concatenate([getattr(c, name) for c in found]) for name in ("row", "mask", "n")))


def _columns(profile: Profile, starts: Ints, stratum: Ints, cells: _Cells, rng: np.random.Generator) -> Columns:
    """The cells as lists. Dimensions are looked up per row, in DIMENSIONS' order."""
    strata, rows = table(profile).strata, len(stratum)
    values: dict[str, npt.NDArray[np.object_]] = {
        "model": _texts([s.model.name for s in strata])[stratum],
        "prompt_category": _texts([s.category.name for s in strata])[stratum],
        "arm": _texts(["canary" if s.canary else "baseline" for s in strata])[stratum],
        "release": _texts([profile.canary.release if s.canary else profile.release for s in strata])[stratum],
        "prompt_version": _drawn(profile.prompt_versions, rows, rng),
        "tenant": _drawn(profile.tenants, rows, rng),
        "user_segment": _drawn(profile.user_segments, rows, rng),
        "locale": _drawn(profile.locales, rows, rng),
        "region": _drawn(profile.regions, rows, rng),
    }
    fixed = {"feature": profile.name, "policy_version": profile.policy_version, "risk_tier": profile.risk_tier}
    columns: Columns = {"window_start": starts[cells.row // (rows // len(starts))].tolist()}
    for name in DIMENSIONS:
        column = values[name][cells.row] if name in values else np.full(len(cells.row), fixed[name], dtype=object)
        if name == "release":
            column[cells.mask & Bit.FIELDS_MISSING > 0] = ""  # the field that is missing is this one
        columns[name] = column.tolist()
    n: list[int] = cells.n.tolist()
    return columns | {"mask": cells.mask.tolist(), "n": n, "weight": list(n)}


def _texts(values: list[str]) -> npt.NDArray[np.object_]:
    return np.array(values, dtype=object)


def _drawn(mix: Mix, count: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """A value for each row, by share; "" where the profile has none."""
    if not mix:
        return np.full(count, "", dtype=object)
    ends: Floats = np.cumsum([share for _, share in mix])
    places = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
    drawn: npt.NDArray[np.object_] = _texts([value for value, _ in mix])[np.minimum(places, len(mix) - 1)]
    return drawn
