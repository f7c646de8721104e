from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.cloud import Counted, Series, cloud_goal, count, episodes, threshold_of

HOUR = 3600


def series(label: list[int], seconds: int = HOUR) -> Series:
    flags = np.array(label, dtype=np.bool_)
    return Series("a", seconds * np.arange(len(flags), dtype=np.int64), np.zeros(len(flags)), flags)


def test_episodes_are_runs_and_small_gaps_do_not_end_them() -> None:
    flags = np.array([1, 1, 0, 1, 0, 0, 1], dtype=np.bool_)
    assert episodes(flags) == [(0, 2), (3, 4), (6, 7)]
    assert episodes(flags, 1) == [(0, 4), (6, 7)]
    assert episodes(flags[:0]) == episodes(np.zeros(3, dtype=np.bool_)) == []


def test_an_hour_without_alarm_ends_an_episode() -> None:
    assert series([0, 0, 0]).gap == 1
    assert series([0, 0, 0], 60).gap == 60


def test_an_episode_is_false_if_it_touches_no_label() -> None:
    one = series([0, 0, 0, 1, 1, 0, 0, 0, 1, 0])
    scores = np.array([9, 0, 9, 9, 0, 0, 9, 0, 0, 0.0])
    assert count(one, scores, 5.0) == Counted(found=1, false=2, loud=3)
    assert count(one, scores, 5.0, by_start=True) == Counted(found=0, false=3, loud=3)
    assert count(one, scores, 10.0) == Counted(0, 0, 0)


def test_everything_in_alarm_is_no_way_to_find_everything() -> None:
    chance = np.random.default_rng(1)
    label = [0] * 1000
    label[500:510] = [1] * 10
    one = series(label)
    scores = 1.0 + chance.random(1000)  # never 0, and says nothing
    threshold = threshold_of([one], [scores])
    found = count(one, scores, threshold)
    assert found.false <= one.weeks < 6
    assert found.loud < 10


def test_missing_data_are_said_and_not_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = cloud_goal(tmp_path)
    assert (found["value"], found["met"]) == (None, None)
    assert "NOT MEASURED: ms_cloud_monitoring.parquet" in capsys.readouterr().err
