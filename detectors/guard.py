"""What a series' own pages teach: where they come oftener than they should, it takes more to open the next.

A null that is wrong pages again and again, each time a little over the threshold. How far the pages of a series
passed the threshold says how much higher it must be for them to come once in the time that is remembered. More than
three are no incidents any more, just as in the history that is learned from (masks.py): from there on it rises faster.
"""

import math

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.rows import EVIDENCE, EXCESS, HIGHEST, PAGES, THRESHOLD

_KEPT = math.exp(-1.0 / 60_480.0)
"""Share of what is remembered that is left after a window: a week of windows."""
_KAPPA = 2.0
"""How many pages with an excess of one nat are believed before the first was seen."""
_INCIDENTS = 3.0
_MAX_GUARD = 150.0
"""Whatever was before, a change that leaves no doubt pages."""
_MAX_EXCESS = 10.0
"""An incident beyond doubt is no reason to raise the threshold beyond all others."""


@compiled
def guard(state: Floats) -> float:
    """Nats that are taken off the statistic; 0 where no incident has ended yet."""
    pages = float(state[PAGES])
    if pages == 0.0:
        return 0.0
    nats = (_KAPPA + float(state[EXCESS])) / (_KAPPA + pages) * math.log1p(pages)
    return min(nats * max(pages / _INCIDENTS, 1.0) ** 2, _MAX_GUARD)


@compiled
def forget_pages(state: Floats) -> None:
    """A window with events passes."""
    state[PAGES] *= _KEPT
    state[EXCESS] *= _KEPT


@compiled
def remember_page(state: Floats, parameters: Floats) -> None:
    """An incident ends."""
    state[PAGES] += 1.0
    state[EXCESS] += min(max(state[HIGHEST] - parameters[THRESHOLD], 0.0), _MAX_EXCESS)
    state[HIGHEST] = 0.0


@compiled
def remember_evidence(state: Floats) -> None:
    """A window of an incident passes."""
    state[HIGHEST] = max(state[HIGHEST], state[EVIDENCE])
