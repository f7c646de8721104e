import re
from typing import Any

import numpy as np
import pytest
from river import drift

from detectors.base import Bools
from detectors.checks import RATE, windows
from detectors.opinion_checks import scores_of
from detectors.river_opinions import PAGE_HINKLEY, SETTINGS, DriftOpinion, Opinion, opinion
from detectors.vector import VectorOpinion


def seen(one: Opinion, rates: list[float], seed: int = 1) -> list[int]:
    """How often it sees a change in 500 windows at each of these rates, one after the other."""
    one.grow(1)
    found = []
    for place, rate in enumerate(rates):
        verdicts: list[Bools] = [
            one.update(window, scores_of(window)) for window in windows(1, 500, seed + place, rate, 500 * place)
        ]
        found.append(int(np.sum(verdicts)))
    return found


@pytest.mark.parametrize("path", [PAGE_HINKLEY, "river.drift.ADWIN", "river.drift.KSWIN"])
def test_a_stable_rate_is_no_change_and_a_doubled_one_is(path: str) -> None:
    settings: dict[str, Any] = {"alpha": 1e-6} if path.endswith("KSWIN") else {}
    quiet, doubled = seen(opinion(path, **settings), [RATE, 2.0 * RATE])
    assert quiet == 0
    assert doubled >= 1


def test_arguments_go_before_our_settings_and_those_before_rivers() -> None:
    assert seen(opinion(PAGE_HINKLEY), [RATE, 1.3 * RATE])[1] >= 1
    assert seen(opinion(PAGE_HINKLEY, threshold=1e6), [RATE, 1.3 * RATE]) == [0, 0]
    assert SETTINGS[PAGE_HINKLEY]["alpha"] == 1.0
    assert drift.PageHinkley().alpha < 1.0


def test_chance_has_a_seed_even_if_nobody_gave_one() -> None:
    one, two = opinion("river.drift.KSWIN"), opinion("river.drift.KSWIN")
    assert seen(one, [RATE, 1.2 * RATE]) == seen(two, [RATE, 1.2 * RATE])
    assert seen(opinion("river.drift.KSWIN", seed=1), [RATE, 1.2 * RATE]) == seen(
        opinion("river.drift.KSWIN"), [RATE, 1.2 * RATE]
    )


def test_drift_detectors_watch_series_and_anomaly_detectors_features() -> None:
    assert isinstance(opinion("river.drift.ADWIN"), DriftOpinion)
    found = opinion("river.anomaly.HalfSpaceTrees", kpis=16)
    assert isinstance(found, VectorOpinion)
    assert found.kpis == 16
    assert opinion("river.drift.adwin.ADWIN").name == "ADWIN-1"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("os.system", "name a class below river.drift or river.anomaly"),
        ("river.drift", "name a class below"),
        ("river.drift.datasets", "name a class below"),
        ("river.linear_model.LinearRegression", "name a class below"),
        ("riverx.drift.ADWIN", "name a class below"),
        ("river.drift.ADWIN\n", "name a class below"),
        ("river.drift.__class__.X", "name a class below"),
        ("river.drift.Adwin", "river has no class river.drift.Adwin"),
        ("river.drift.nowhere.ADWIN", "river has no class"),
        ("river.drift.adwin.DriftDetector", "river has no class"),
        ("river.drift.binary.DDM", "cannot judge residuals"),
        ("river.drift.DriftRetrainingClassifier", "cannot judge residuals"),
        ("river.anomaly.GaussianScorer", "needs no target"),
        ("river.anomaly.QuantileFilter", "needs no target"),
        ("river.anomaly.LocalOutlierFactor", "would fill the memory"),
    ],
)
def test_what_cannot_be_an_opinion_is_refused_with_what_to_do(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        opinion(path)


@pytest.mark.parametrize(
    ("path", "arguments", "reason"),
    [
        (PAGE_HINKLEY, {"thresold": 4.0}, "takes no thresold; it takes min_instances, delta, threshold, alpha, mode"),
        (PAGE_HINKLEY, {"threshold": "a"}, "does not work with threshold='a'"),
        (PAGE_HINKLEY, {"mode": "sideways"}, "Valid values are"),
        ("river.drift.ADWIN", {"delta": "x"}, "does not work with delta='x'"),
        ("river.drift.KSWIN", {"alpha": 3.0}, "Alpha must be between 0 and 1"),
        ("river.anomaly.HalfSpaceTrees", {"n_trees": "many"}, "does not work with n_trees='many'"),
    ],
)
def test_an_argument_that_does_not_work_is_said_before_the_first_window(
    path: str, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        opinion(path, **arguments)
