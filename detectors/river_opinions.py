"""Any detector of river as a second opinion, by its name: it is stored and shown, and never pages.

Drift detectors watch the residual of each series, one each; anomaly detectors the KPIs of a feature together.
River's classes are wrapped and never used bare: one NaN leaves ADWIN blind for ever, a cold HalfSpaceTrees says
"normal", and defaults are made for other streams than residuals.
"""

import importlib
import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from river.base import AnomalyDetector, BinaryDriftDetector, DriftDetector

from detectors.base import Bools, Scores, Window
from detectors.excess import standardised, usable
from detectors.vector import VectorOpinion

PAGE_HINKLEY = "river.drift.PageHinkley"
SETTINGS: dict[str, dict[str, Any]] = {
    # The default alpha lets the mean of a constant stream wander; delta is in standard deviations.
    PAGE_HINKLEY: {"threshold": 40.0, "delta": 0.25, "alpha": 1.0},
    "river.anomaly.HalfSpaceTrees": {"n_trees": 25, "height": 4, "window_size": 360},
}
"""In place of river's defaults; what is given in a configuration goes before them."""
_ALLOWED = re.compile(r"(river\.(?:drift|anomaly)(?:\.[a-z][a-z_]*)*)\.([A-Z]\w*)")
_ENDLESS = ("LocalOutlierFactor",)
"""Detectors that remember all they ever saw."""
_TRIAL = 100
_BAD_ARGUMENT = (TypeError, ValueError, ArithmeticError, AttributeError)


class Opinion(Protocol):
    """What the bank asks beside its own detector."""

    name: str

    def update(self, window: Window, scores: Scores) -> Bools:
        """Take a window in; True, shape (series,), where a change is seen in it. Never NaN, never an error."""

    def grow(self, series: int) -> None:
        """Make room for more series; the new ones are cold."""


class DriftOpinion:
    """One drift detector per series, made by `make`, on its residual in standard deviations."""

    def __init__(self, name: str, make: Callable[[], DriftDetector]) -> None:
        self.name = name
        self._make = make
        self._detectors: list[DriftDetector] = []

    def grow(self, series: int) -> None:
        """Make room for more series; the new ones are cold."""
        for _ in range(series - len(self._detectors)):
            self._detectors.append(self._make())

    def update(self, window: Window, scores: Scores) -> Bools:
        """Take a window in; where the series is cold, empty, unknown or not finite it is left out."""
        use = usable(window, scores)
        residuals = standardised(window, scores).tolist()
        changed: Bools = np.zeros(len(use), dtype=np.bool_)
        for series in np.flatnonzero(use).tolist():
            detector = self._detectors[series]
            detector.update(residuals[series])
            if detector.drift_detected:
                changed[series] = True
        return changed


def opinion(path: str, kpis: int = 1, budget: float = 60_480.0, **arguments: Any) -> Opinion:
    """The class at `path`, such as river.drift.ADWIN, with these arguments, as an opinion.

    For anomaly detectors `kpis` is how many rows a feature has, and `budget` the windows per false opinion of one;
    a drift detector has no budget but its arguments. Raises ValueError, with what to do, for a path or an argument
    that cannot be used.
    """
    found = _class_at(path)
    given = {**SETTINGS.get(path, {}), **arguments}
    parameters = inspect.signature(found).parameters
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        raise ValueError(f"{path} takes no {', '.join(unknown)}; it takes {', '.join(parameters) or 'nothing'}")
    if "seed" in parameters:
        given.setdefault("seed", 1)  # chance is an argument: the same windows give the same opinion
    make = partial(found, **given)
    _try(path, make, given)
    if issubclass(found, DriftDetector):
        return DriftOpinion(f"{found.__name__}-1", make)
    return VectorOpinion(kpis, make, budget)


def _class_at(path: str) -> type:
    """A drift or anomaly detector of river that takes what we have: a number, or a vector of numbers."""
    match = _ALLOWED.fullmatch(path)
    if match is None:
        raise ValueError(f"{path!r} is not allowed; name a class below river.drift or river.anomaly")
    try:
        found = getattr(importlib.import_module(match[1]), match[2], None)
    except ImportError:
        found = None
    if not inspect.isclass(found) or not found.__module__.startswith(("river.drift.", "river.anomaly.")):
        raise ValueError(f"river has no class {path}; see the names in river.drift and river.anomaly")
    if found.__name__ in _ENDLESS:
        raise ValueError(f"{path} remembers every window and would fill the memory; name another detector")
    if not issubclass(found, DriftDetector | AnomalyDetector) or issubclass(found, BinaryDriftDetector):
        raise ValueError(
            f"{path} cannot judge residuals; name a drift detector of numbers, such as {PAGE_HINKLEY}, "
            "or an anomaly detector that needs no target, such as river.anomaly.HalfSpaceTrees"
        )
    return found


def _try(path: str, make: Callable[[], Any], given: dict[str, Any]) -> None:
    """Let one of them see a few numbers: many of river's classes look at their arguments only then."""
    try:
        one = make()
        for i in range(_TRIAL):
            value = float(i % 7) - 3.0
            if isinstance(one, DriftDetector):
                one.update(value)
                bool(one.drift_detected)
            else:
                float(one.score_one({0: value / 8.0 + 0.5}))
                one.learn_one({0: value / 8.0 + 0.5})
    except _BAD_ARGUMENT as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items()) or "its defaults"
        raise ValueError(f"{path} does not work with {shown}: {error}") from error
