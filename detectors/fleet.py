"""A change in a few of many series at once, when nobody knows which: one statistic of the whole fleet.

For each time s at which it may have begun, each size j and each share p of the series, the fleet's likelihood ratio is
the product over the series of 1 - p + p L, L being the ratio of the series' own windows since s. Under the null each
product is 1 on average, so the sum over s, weighed over sizes and shares, is the time on average: a
Shiryaev-Roberts statistic, and its threshold is the mean time to a false page (Xie and Siegmund 2013, mixture
procedure; Shin, Ramdas and Rinaldo 2024). Unlike a product window by window it remembers *which* series look changed.

The promise needs series that scatter independently. What all of them share, however little, adds up in a product over
a thousand: that is what `common` in evidence.py is for.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.base import Bools, Floats
from detectors.compiled import compiled
from detectors.evidence import SIZES
from detectors.statespace import CLOSE_AT

SHARES = np.array([0.005, 0.02, 0.1])
"""Shares of the series that may have changed."""
_SIZE_WEIGHTS = np.array([0.15, 0.3, 0.2, 0.1, 0.15, 0.1])
_SHARE_WEIGHTS = np.array([0.25, 0.5, 0.25])
_RECENT = 8
"""Windows back to which every start is kept; further back four or five in each doubling. Leaving one out costs a little
time and breaks no promise."""
_OLDEST = 360
_MOST, _LEAST = 1e12, 1e-300
_BLOCK = 8
_LARGE = 1e150
_MEMBER = 0.5


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which series changed, shape (series,): `posterior` that each did, given that some did by `size`.

    `log_ratio` is the evidence of each since `age` windows ago, this one included.
    """

    age: int
    size: float
    posterior: Floats
    log_ratio: Floats

    def ranked(self) -> list[tuple[int, float]]:
        """Series that are likelier changed than not and their posterior, the surest first."""
        order = np.argsort(-self.log_ratio, kind="stable")
        return [(int(i), float(self.posterior[i])) for i in order if self.posterior[i] > _MEMBER]

    def groups(self, members: Bools) -> list[tuple[int, float]]:
        """Groups, and the evidence that all of a group changed and nobody else; the likeliest first.

        `members` has shape (groups, series).
        """
        evidence = np.array([float(self.log_ratio[row].sum()) for row in members])
        return [(int(i), float(evidence[i])) for i in np.argsort(-evidence, kind="stable")]


class Fleet:
    """Takes evidence a window at a time, and is a function of all it took. `budget` is in windows per false page.

    `first` is the number of the first window, Unix time over length. While nothing is open, what was taken longer than
    an hour of ten-second windows ago is forgotten: whoever began earlier or later holds the same.
    """

    def __init__(self, series: int, budget: float, first: int = 0) -> None:
        self.threshold = math.log(budget)
        self.log_e = -math.inf
        """The statistic."""
        self.opened = self.closed = False
        """Whether an incident opened, or ended, with the window taken last."""
        self.explanation: Explanation | None = None
        """Of the open incident; None while there is none."""
        self._window = first
        self._since: list[int] = []
        self._ratios: Floats = np.zeros((_slots(), len(SIZES), series))
        self._log_e: Floats = np.zeros((_slots(), len(SIZES), len(SHARES)))
        self._free = list(range(_slots()))
        self._slots: list[int] = []
        self._log_back = -math.inf

    def grow(self, series: int) -> None:
        """Make room for more series; of the new ones nothing is known."""
        new = series - self._ratios.shape[2]
        if new > 0:
            self._ratios = np.concatenate([self._ratios, np.ones((*self._ratios.shape[:2], new))], axis=2)
            if self.explanation is not None:
                last = self.explanation
                none = np.zeros(new)
                posterior, log_ratio = np.append(last.posterior, none), np.append(last.log_ratio, none)
                self.explanation = Explanation(last.age, last.size, posterior, log_ratio)

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        """Leave out what spoke for a change of these: it was told already."""
        self._ratios[:, :, series] = np.minimum(self._ratios[:, :, series], 1.0)

    def update(self, log_ratios: Floats) -> None:
        """Take the evidence of one window, shape (sizes, series) as of evidence.py, and decide."""
        self.opened = self.closed = False
        if self.explanation is not None:
            self._follow(self.explanation, log_ratios)
            return
        self._start()
        alive = np.array(self._slots)
        _advance(self._ratios, alive, np.exp(np.clip(log_ratios, -600.0, 600.0)), SHARES, self._log_e)
        weighed = self._log_e[alive] + np.log(_SIZE_WEIGHTS)[:, None] + np.log(_SHARE_WEIGHTS)
        largest = float(weighed.max())
        self.log_e = largest + math.log(float(np.exp(weighed - largest).sum()))
        if self.log_e > self.threshold:
            self.opened, self.explanation, self._log_back = True, self._explained(weighed), -math.inf

    def _start(self) -> None:
        """A change may have begun with this window; of older starts fewer and fewer are kept."""
        kept = [
            (since, slot) for since, slot in zip(self._since, self._slots, strict=True) if is_kept(since, self._window)
        ]
        self._free += [slot for slot in self._slots if all(slot != other for _, other in kept)]
        slot = self._free.pop()
        self._ratios[slot] = 1.0
        self._since, self._slots = [since for since, _ in kept], [other for _, other in kept]
        self._since.append(self._window)
        self._slots.append(slot)
        self._window += 1

    def _explained(self, weighed: Floats) -> Explanation:
        """By the likeliest start, size and share."""
        place, size, share = np.unravel_index(int(weighed.argmax()), weighed.shape)
        ratio = self._ratios[self._slots[int(place)], int(size)]
        p = float(SHARES[int(share)])
        age = self._window - self._since[int(place)]
        return Explanation(
            age, float(SIZES[int(size)]), p * ratio / (1.0 - p + p * ratio), np.log(np.maximum(ratio, _LEAST))
        )

    def _follow(self, last: Explanation, log_ratios: Floats) -> None:
        """While an incident is open: its series, as they were found, against their being back to normal."""
        size = int(np.flatnonzero(last.size == SIZES)[0])
        gain = -float(log_ratios[size, last.posterior > _MEMBER].sum())
        self._log_back = min(float(np.logaddexp(0.0, self._log_back)) + gain, 200.0)
        self._window += 1
        if self._log_back > CLOSE_AT:
            self.closed, self.explanation, self.log_e = True, None, -math.inf
            self._free, self._since, self._slots = list(range(_slots())), [], []


def is_kept(since: int, now: int) -> bool:
    """Whether a start is still followed in window `now`."""
    age = now - since
    if age >= _OLDEST:
        return False
    step = 1
    while age >= _RECENT * step:
        step *= 2
    return since % step == 0


def _slots() -> int:
    """How many starts there are at most."""
    found, step = _RECENT + 2, 1
    while _RECENT * step < _OLDEST:
        found, step = found + _RECENT // 2 + 1, 2 * step
    return found


@compiled
def _advance(ratios: Floats, slots: npt.NDArray[np.int64], gains: Floats, shares: Floats, into: Floats) -> None:
    """Multiply the ratios, shape (slots, sizes, series), and fill `into`, shape (slots, sizes, shares)."""
    for slot in slots:
        for j in range(gains.shape[0]):
            _multiply(ratios[slot, j], gains[j])
            for s in range(len(shares)):
                into[slot, j, s] = _log_product(ratios[slot, j], shares[s])


@compiled
def _multiply(ratios: Floats, gains: Floats) -> None:
    """A ratio is cut at a large number, which can only make the statistic smaller."""
    for i in range(len(ratios)):
        ratios[i] = min(ratios[i] * gains[i], _MOST)


@compiled
def _log_product(ratios: Floats, share: float) -> float:
    """Logarithm of the product of 1 - share + share ratio: few logarithms, and no number out of range."""
    found, product = 0.0, 1.0
    for first in range(0, len(ratios), _BLOCK):
        for i in range(first, min(first + _BLOCK, len(ratios))):
            product *= 1.0 + share * (ratios[i] - 1.0)
        if product > _LARGE or product < 1.0 / _LARGE:
            found += math.log(product)
            product = 1.0
    return found + math.log(product)
