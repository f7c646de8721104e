"""The windows of many series side by side, adjusted by what is known of each: as in `knowledge.py`, the same bits."""

from dataclasses import replace

import numpy as np

from detectors.base import Bools, Floats, Window
from detectors.knowledge import KNOWN_SHARE, Knowledge
from detectors.season import DAY
from detectors.strata import Reference, mix_columns, shift_of
from detectors.traffic_shape import BIN, BINS, WEEKDAYS


class Adjuster:
    """Knows of each series the rates of its strata, in the order of their names, and the shape of its arrivals."""

    def __init__(self) -> None:
        self._rates: Floats = np.zeros((0, 0))
        self._mean: Floats = np.zeros(0)
        self._mixed: Bools = np.zeros(0, dtype=np.bool_)
        self._shapes: dict[int, Floats] = {}
        self._shifts: dict[int, Reference | None] = {}

    def grow(self, series: int) -> None:
        """Make room for more series."""
        new = series - len(self._mean)
        if new > 0:
            self._rates = np.concatenate([self._rates, np.full((len(self._rates), new), np.nan)], axis=1)
            self._mean = np.concatenate([self._mean, np.full(new, 0.5)])
            self._mixed = np.concatenate([self._mixed, np.zeros(new, dtype=np.bool_)])

    def adopt(self, series: int, known: Knowledge) -> None:
        """Adjust a series by this from now on."""
        self.cool([series])
        if known.strata is not None:
            more = len(known.strata.names) - len(self._rates)
            if more > 0:
                self._rates = np.concatenate([self._rates, np.full((more, len(self._mean)), np.nan)])
            self._rates[: len(known.strata.names), series] = known.strata.of(known.strata.names)
            self._mean[series], self._mixed[series] = known.strata.mean, True
        if known.shape is not None:
            self._shapes[series] = known.shape.factors
        if known.shifts:
            self._shifts[series] = known.strata

    def cool(self, series: list[int]) -> None:
        """Adjust these series by nothing."""
        self._rates[:, series], self._mean[series], self._mixed[series] = np.nan, 0.5, False
        for one in series:
            self._shapes.pop(one, None)
            self._shifts.pop(one, None)

    def __call__(self, window: Window, evaluated: Floats, bad: Floats) -> Window:
        """The window as it is held against the baselines. The counts by stratum have shape (strata, series).

        Strata beyond those that are known of a series come last, and in them all that is not counted.
        """
        mix = np.ones(len(self._mean))
        for series, factors in self._shapes.items():
            mix[series] = factors[window.start // DAY % WEEKDAYS, window.start % DAY // BIN % BINS]
        if not self._mixed.any():
            return self._with_shifts(replace(window, mix=mix), evaluated)
        rates = np.full(evaluated.shape, np.nan)
        rates[: len(self._rates)] = self._rates[: len(rates)]
        found = mix_columns(rates, self._mean, evaluated, bad)
        use = self._mixed
        known = 1.0 - found.unknown >= KNOWN_SHARE
        return self._with_shifts(
            Window(
                start=window.start,
                evaluated=np.where(use, found.evaluated, window.evaluated),
                bad=np.where(use, found.bad, window.bad),
                coverage=np.where(use & ~known, 0.0, window.coverage),
                floor=window.floor,
                mix=np.where(use, found.mix, mix),
            ),
            evaluated,
        )

    def _with_shifts(self, window: Window, evaluated: Floats) -> Window:
        for series, reference in self._shifts.items():
            n = k = np.zeros(1)
            if reference is not None:
                n, k = shift_of(reference, reference.names, evaluated[: len(reference.names), series : series + 1])
            window.evaluated[series], window.bad[series] = n[0], k[0]
            if window.mix is not None:
                window.mix[series] = 1.0
        return window
