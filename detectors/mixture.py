"""Many series at once: baselines and states in arrays, stepped by compiled code a window at a time."""

import math

import numpy as np
import numpy.typing as npt

from detectors.backtest import Run, begun, run
from detectors.base import Bools, Floats, Scores, Window
from detectors.baseline import Baseline
from detectors.compiled import compiled
from detectors.evidence import SIZES, log_ratios, own_levels, season_all
from detectors.outlook import outlook
from detectors.rows import COMPLEMENT, EVIDENCE, HARMONICS, OPEN, PARAMETERS, SEASON, SHARES, STATE, THRESHOLD, UPWARD
from detectors.season import basis, mixed, seasonal_rate
from detectors.statespace import CLOSED, OPENED, forget_evidence, step

__all__ = ["Run", "StateSpaceDetector", "run"]

_LOG_E, _UP, _EXPECTED, _LOW, _HIGH, _EVENT = range(6)
_COLUMNS = 6


class StateSpaceDetector:
    """A `Detector` that also says what opened and closed. A series is cold until it is given a warm baseline."""

    name = "state-space-2"

    def __init__(self, series: int = 0, seconds: int = 10) -> None:
        self.seconds = seconds
        self.opened: Bools = np.zeros(0, dtype=np.bool_)
        """Of the window learned last, shape (series,): where an incident opened; and `closed`, where one ended."""
        self.closed: Bools = np.zeros(0, dtype=np.bool_)
        self._warm: Bools = np.zeros(0, dtype=np.bool_)
        self._rows: Floats = np.zeros((0, PARAMETERS))
        self._states: Floats = np.zeros((0, STATE))
        self._scored: tuple[Window, Floats, Floats] | None = None
        self.grow(series)

    @property
    def open(self) -> Bools:
        """Where an incident is open, shape (series,)."""
        found: Bools = self._states[:, OPEN] > 0.0
        return found

    @property
    def threshold(self) -> Floats:
        """What `log_e` must pass to open an incident, shape (series,); infinite where the series is cold."""
        return np.where(self._warm, self._rows[:, THRESHOLD], math.inf)

    def incident(self, series: int) -> tuple[float, bool]:
        """Of a series whose incident is open: the statistic, carried on, and whether the rate has risen."""
        state = self._states[series]
        rises = bool(state[SHARES : SHARES + UPWARD].sum() >= 0.5)
        return float(state[EVIDENCE]), rises != bool(self._rows[series, COMPLEMENT] > 0.0)

    def grow(self, series: int) -> None:
        """Make room for more series; the new ones are cold."""
        new = series - len(self._warm)
        if new > 0:
            cold = np.zeros(new, dtype=np.bool_)
            self.opened, self.closed = np.concatenate([self.opened, cold]), np.concatenate([self.closed, cold])
            self._warm = np.concatenate([self._warm, cold])
            self._rows = np.concatenate([self._rows, np.zeros((new, PARAMETERS))])
            self._states = np.concatenate([self._states, np.zeros((new, STATE))])
            self._scored = None

    def adopt(self, series: int, baseline: Baseline, state: Floats | None = None) -> None:
        """Score a series by this baseline from now on, going on from `state`, of shape (STATE,), or anew.

        A cold baseline is not taken. Raises ValueError for windows of another length.
        """
        if baseline.seconds != self.seconds:
            raise ValueError(f"the baseline has windows of {baseline.seconds} s, the detector of {self.seconds} s")
        if not baseline.warm:
            return
        self._rows[series] = baseline.parameters
        self._states[series] = begun(baseline) if state is None else state
        self._warm[series] = True
        self._scored = None

    def cool(self, series: npt.NDArray[np.int64]) -> None:
        """Know nothing of these series any more, until they are given another baseline."""
        self._warm[series] = False
        self._rows[series] = 0.0
        self._states[series] = 0.0
        self._scored = None

    def forget(self, series: npt.NDArray[np.int64]) -> None:
        """Start the evidence of these series anew, and end their incidents; baseline and level stay."""
        for one in series:
            forget_evidence(self._states[one])
        self._scored = None

    def score(self, window: Window) -> Scores:
        """The opinion on a window. Changes nothing."""
        found, states = self._stepped(window)
        self._scored = (window, found, states)
        return Scores(
            log_e=found[_LOG_E],
            up=found[_UP] > 0.0,
            expected=found[_EXPECTED],
            low=found[_LOW],
            high=found[_HIGH],
            warm=self._warm.copy(),
        )

    def learn(self, window: Window, keep: Bools) -> None:
        """Take the window in. `keep` withholds nothing: a baseline changes by `adopt` alone, and what is normal is
        not learned from an open incident.
        """
        if self._scored is None or self._scored[0] is not window:
            self._scored = (window, *self._stepped(window))
        _, found, self._states = self._scored
        self._scored = None
        self.opened, self.closed = found[_EVENT] == OPENED, found[_EVENT] == CLOSED

    def evidence(self, window: Window, common: float = 0.0) -> Floats:
        """What a window says about changes of SIZES, shape (sizes, series), before it is learned; for `Fleet`.

        `common` is the logarithm of a level that all series share, see `shared_level`. Changes nothing.
        """
        evaluated, bad, mix = self._usable(window)
        rates = season_all(self._rows, self._warm, window.start, mix)
        return log_ratios(self._rows, self._states, rates, evaluated, bad, common, SIZES)

    def levels(self) -> Floats:
        """Logarithm of the level beside its season that each series expects of its next window, shape (series,).

        0 where good events are watched.
        """
        return own_levels(self._rows, self._states, self._warm)

    def _stepped(self, window: Window) -> tuple[Floats, Floats]:
        """Scores of shape (columns, series), and the states after the window."""
        evaluated, bad, mix = self._usable(window)
        states = self._states.copy()
        found = np.zeros((_COLUMNS, len(self._warm)))
        _step_all(self._rows, states, self._warm, window.start, evaluated, bad, mix, found)
        return found, states

    def _usable(self, window: Window) -> tuple[Floats, Floats, Floats]:
        """Evaluated, bad and mix, shape (series,); nothing is evaluated where the window is unknown."""
        usable = (window.coverage >= window.floor) & (window.evaluated > 0.0)
        usable &= np.isfinite(window.evaluated) & np.isfinite(window.bad)
        evaluated = np.where(usable, window.evaluated, 0.0)
        bad = np.where(usable, np.clip(window.bad, 0.0, evaluated), 0.0)
        return evaluated, bad, np.ones(len(self._warm)) if window.mix is None else window.mix


@compiled
def _step_all(  # noqa: PLR0913  columns, because compiled
    rows: Floats, states: Floats, warm: Bools, start: int, evaluated: Floats, bad: Floats, mix: Floats, found: Floats
) -> None:
    """Step each warm series, and fill the columns of `found`; cold ones say that anything may be."""
    harmonics = np.zeros(HARMONICS)
    basis(start, harmonics)
    for i in range(len(warm)):
        if not warm[i]:
            found[_HIGH, i] = 1.0
            continue
        row, state = rows[i], states[i]
        rate = seasonal_rate(row[SEASON : SEASON + HARMONICS], harmonics)
        rate = mixed(rate, 1.0 / mix[i] if row[COMPLEMENT] > 0.0 else mix[i])
        watched = bad[i]
        expected, low, high = outlook(state, row, rate, evaluated[i])
        if row[COMPLEMENT] > 0.0:
            watched = evaluated[i] - bad[i]
            expected, low, high = 1.0 - expected, 1.0 - high, 1.0 - low
        log_e, rises, event = step(state, row, rate, evaluated[i], watched)
        found[_LOG_E, i] = max(log_e, 0.0)
        found[_UP, i] = 1.0 if rises != (row[COMPLEMENT] > 0.0) else 0.0
        found[_EXPECTED, i], found[_LOW, i], found[_HIGH, i] = expected, low, high
        found[_EVENT, i] = event
