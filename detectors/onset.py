"""Since when, and how much: the size of a change that an alarm has shown, by the generalised likelihood ratio."""

from dataclasses import dataclass

import numpy as np

from detectors.base import Floats


@dataclass(frozen=True, slots=True)
class Size:
    """`first` is the index of the first changed window; from there on `bad` of `evaluated`, `expected` being the rate
    that was held for normal then.
    """

    first: int
    evaluated: int
    bad: int
    expected: float


def size_of(evaluated: Floats, bad: Floats, expected: Floats) -> Size:
    """The index from which on one rate of its own explains the data best against the expected rates.

    Columns of shape (windows,), at least one.
    """
    rate = np.clip(expected, 1e-6, 1 - 1e-6)
    k, n = np.cumsum(bad[::-1])[::-1], np.cumsum(evaluated[::-1])[::-1]
    own = np.clip(k / np.maximum(n, 1.0), 1e-6, 1 - 1e-6)
    normal = np.cumsum((bad * np.log(rate) + (evaluated - bad) * np.log1p(-rate))[::-1])[::-1]
    gain = k * np.log(own) + (n - k) * np.log1p(-own) - normal
    first = int(np.argmax(gain))
    return Size(first, int(n[first]), int(k[first]), float(rate[first]))
