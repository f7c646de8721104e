"""A mixture e-detector against a trailing baseline: the first score, without seasons.

The baseline is a count of good and bad events that forgets with a half-life; its own uncertainty
widens the prediction, so that a young baseline is not surprised. Against it stand fixed ratios of the
rate, up and down, each with a Shiryaev-Roberts statistic R <- (1 + R) * f_ratio / f_baseline (Shin,
Ramdas and Rinaldo, "E-detectors", 2024). Where the baseline holds, the mean of the R has expectation
t after t windows, whatever the ratios are, so the threshold is the mean time to a false alarm.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

from detectors.base import Bools, Floats, Scores, Window

RATIOS_UP = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
RATIOS_DOWN = (0.7, 0.5, 0.2, 0.05)
_RATIOS = np.array(RATIOS_UP + RATIOS_DOWN)
_UP = slice(0, len(RATIOS_UP))
_DOWN = slice(len(RATIOS_UP), None)
_MAX_RATE = 0.95
_Z = 2.5758  # 99 %
_MAX_LOG = 200.0
_PRIOR = (0.5, 20.0)  # half a bad event in twenty-odd: a rate near 2 %, and worth next to nothing


class TrailingEDetector:
    """See the module. `half_life` is in windows; warm after `warm_windows` windows with `warm_events` events."""

    name = "trailing-1"

    def __init__(
        self, series: int = 0, half_life: float = 2160.0, warm_windows: int = 360, warm_events: float = 500.0
    ) -> None:
        self.half_life = half_life
        self.warm_windows = warm_windows
        self.warm_events = warm_events
        self._decay = 0.5 ** (1.0 / half_life)
        self._bad: Floats = np.zeros(0)
        self._good: Floats = np.zeros(0)
        self._windows: Floats = np.zeros(0)
        self._log_r: Floats = np.zeros((0, len(_RATIOS)))
        self.grow(series)

    def grow(self, series: int) -> None:
        """Make room for more series; the new ones are cold."""
        new = series - len(self._bad)
        if new > 0:
            self._bad = np.concatenate([self._bad, np.full(new, _PRIOR[0])])
            self._good = np.concatenate([self._good, np.full(new, _PRIOR[1])])
            self._windows = np.concatenate([self._windows, np.zeros(new)])
            self._log_r = np.concatenate([self._log_r, np.full((new, len(_RATIOS)), -np.inf)])

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        """Start the evidence of these series anew; the baseline stays."""
        self._log_r[series] = -np.inf

    def score(self, window: Window) -> Scores:
        """The opinion on a window. Changes nothing."""
        log_r = self._next(window)
        up = np.logaddexp.reduce(log_r[:, _UP], axis=1) - np.log(2 * len(RATIOS_UP))
        down = np.logaddexp.reduce(log_r[:, _DOWN], axis=1) - np.log(2 * len(RATIOS_DOWN))
        low, high = self._interval(window.evaluated)
        return Scores(
            log_e=np.maximum(np.logaddexp(up, down), 0.0),
            up=up >= down,
            expected=self._rate(),
            low=low,
            high=high,
            warm=(self._windows >= self.warm_windows) & (self._bad + self._good >= self.warm_events),
        )

    def learn(self, window: Window, keep: Bools) -> None:
        """Take the window in; where `keep` is False the baseline stays as it is."""
        self._log_r = np.minimum(self._next(window), _MAX_LOG)
        use = keep & _informative(window)
        n, k = np.where(use, window.evaluated, 0.0), np.where(use, window.bad, 0.0)
        decay = np.where(use, self._decay, 1.0)
        self._bad = decay * (self._bad - _PRIOR[0]) + k + _PRIOR[0]
        self._good = decay * (self._good - _PRIOR[1]) + (n - k) + _PRIOR[1]
        self._windows = self._windows + use

    def _rate(self) -> Floats:
        return self._bad / (self._bad + self._good)

    def _next(self, window: Window) -> Floats:
        """The statistics after this window, in logarithms, shape (series, ratios)."""
        use = _informative(window)
        n, k = np.where(use, window.evaluated, 0.0), np.where(use, window.bad, 0.0)
        weight = self._bad + self._good
        null = _log_beta_binomial(k, n, self._bad, self._good)
        rate = np.minimum(self._rate()[:, None] * _RATIOS, _MAX_RATE)
        other = _log_beta_binomial(k[:, None], n[:, None], weight[:, None] * rate, weight[:, None] * (1.0 - rate))
        stepped: Floats = np.logaddexp(0.0, self._log_r) + other - null[:, None]
        return stepped

    def _interval(self, n: Floats) -> tuple[Floats, Floats]:
        """A 99 % prediction interval for the rate of n events: beta-binomial moments, normal shape."""
        rate, weight = self._rate(), self._bad + self._good
        size = np.maximum(n, 1.0)
        effective = size * (weight + 1.0) / (weight + size)
        half = _Z * np.sqrt(rate * (1.0 - rate) / effective)
        return np.maximum(rate - half, 0.0), np.minimum(rate + half, 1.0)


def _informative(window: Window) -> Bools:
    found: Bools = (window.evaluated > 0) & (window.coverage >= window.floor)
    return found


def _log_beta_binomial(k: Floats, n: Floats, a: Floats, b: Floats) -> Floats:
    """Logarithm of the beta-binomial density, without the binomial coefficient, which cancels."""
    found: Floats = betaln(k + a, n - k + b) - betaln(a, b)
    return found
