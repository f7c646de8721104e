import numpy as np
import pytest

from detectors.bank import Bank
from detectors.base import Window
from detectors.baseline import cold
from detectors.knowledge import Knowledge, Rows, know
from detectors.mixture import StateSpaceDetector
from tests.detectors.streams import DAY, START, changed, stream

SIZE = DAY + 100


@pytest.fixture(name="rows", scope="module")
def _rows() -> Rows:
    seen = stream(91, SIZE, factor=changed(SIZE, DAY + 60, SIZE, 5.0))
    return Rows(START, 10, seen.evaluated.astype(np.float64), seen.bad.astype(np.float64))


def learned(rows: Rows) -> Knowledge:
    return know(Rows(rows.start, rows.seconds, rows.evaluated[:DAY], rows.bad[:DAY]), 60_480.0)


def window(rows: Rows) -> Window:
    n, k = np.array([rows.evaluated[-1], 0.0]), np.array([rows.bad[-1], 0.0])
    return Window(rows.start + 10 * SIZE, n, k, np.ones(2), np.zeros(2))


def test_a_series_is_taken_up_in_the_middle_of_its_incident_with_onset_and_size(rows: Rows) -> None:
    bank = Bank(StateSpaceDetector(seconds=10))
    bank.grow(2)
    bank.adopt(0, learned(rows), rows)
    assert bank.detector.open.tolist() == [True, False]
    size = bank.size(0)
    assert abs(size.onset - (rows.start + 10 * (DAY + 60))) <= 20
    assert size.bad / size.evaluated > 3 * size.expected


def test_a_cold_baseline_ends_the_scoring_and_its_incident(rows: Rows) -> None:
    bank = Bank(StateSpaceDetector(seconds=10))
    bank.grow(2)
    bank.adopt(0, learned(rows), rows)
    bank.adopt(0, Knowledge(cold(DAY, 10)), rows)
    assert not bank.detector.open.any()
    none = np.zeros((1, 2))
    _, verdict = bank.step(window(rows), none, none)
    assert not verdict.scores.warm.any()
    assert bank.thresholds(np.full(2, 7.0)).tolist() == [7.0, 7.0]
