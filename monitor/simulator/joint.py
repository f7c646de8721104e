"""The joint distribution of a profile's masks, worked out from the same cases as the live stream draws from."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from monitor.simulator.cases import REFUSAL, Group, table
from monitor.simulator.profiles import Profile
from monitor.simulator.traffic import Floats, Ints
from schemas.kpis import KPIS, VIOLATION_KPIS, counts
from schemas.outcomes import Bit

_NEGLIGIBLE = 1e-9  # combinations rarer than this are left out: one in ten days at 1000 per second


@dataclass(frozen=True, slots=True)
class Joint:
    """Masks of one stratum's interactions, likeliest first, and their probabilities."""

    masks: Ints
    odds: Floats


@lru_cache(maxsize=64)
def joints(profile: Profile) -> tuple[Joint, ...]:
    """One distribution per stratum, in the order of `cases.table`."""
    found = table(profile)
    others = [group for place, group in enumerate(found.groups) if place != REFUSAL]
    shared: dict[bytes, Joint] = {}  # most strata differ in their refusals only
    result = []
    for row in range(len(found.strata)):
        key = b"".join(group.odds[row].tobytes() for group in others)
        if key not in shared:
            shared[key] = _join(others, row)
        result.append(_with(shared[key], found.groups[REFUSAL], row))
    return tuple(result)


def expected_rates(profile: Profile) -> dict[str, tuple[float, float]]:
    """KPI name to (probability of evaluated, probability of bad) for one interaction of this feature.

    Later verdicts are not in it, so KPIs that only a judge decides are 0.
    """
    rates = {kpi.name: (0.0, 0.0) for kpi in (*KPIS, *VIOLATION_KPIS)}
    for share, joint in zip(table(profile).shares.tolist(), joints(profile), strict=True):
        for mask, odds in zip(joint.masks.tolist(), joint.odds.tolist(), strict=True):
            for kpi in (*KPIS, *VIOLATION_KPIS):
                bad, evaluated, _ = counts(kpi, mask)
                if evaluated:
                    before = rates[kpi.name]
                    rates[kpi.name] = before[0] + share * odds, before[1] + share * odds * bad
    return rates


def _join(groups: list[Group], row: int) -> Joint:
    joint = Joint(np.array([Bit.INTERACTION], dtype=np.int64), np.ones(1))
    for group in sorted(groups, key=lambda group: len(group.masks)):
        joint = _with(joint, group, row)
    return joint


def _with(joint: Joint, group: Group, row: int) -> Joint:
    """The distribution after one more independent group."""
    odds = np.diff(group.odds[row], prepend=0.0)
    masks, places = np.unique((joint.masks[:, None] | group.masks[None, :]).ravel(), return_inverse=True)
    total = np.bincount(places, weights=(joint.odds[:, None] * odds[None, :]).ravel())
    kept = np.flatnonzero(total > _NEGLIGIBLE)
    order = kept[np.argsort(-total[kept], kind="stable")]
    return Joint(masks[order], total[order] / total[order].sum())
