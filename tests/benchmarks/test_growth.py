from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.attack import harmless
from benchmarks.endtoend import Run
from benchmarks.events import NEW_EACH, VARIED, Shape, make
from benchmarks.growth import BASE, FULL, QUICK, described, points_of
from monitor.windows import DIMENSIONS
from schemas.codec import decode
from schemas.telemetry import TELEMETRY, Interaction

BEGIN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def interactions(shape: Shape) -> list[Interaction]:
    good = []
    for value in make(shape):
        event = decode(TELEMETRY, value)
        assert isinstance(event, Interaction)
        good.append(event)
    assert len(good) == shape.count
    return good


def attacks(*peaks: int, **change: Any) -> list[dict[str, Any]]:
    good = {"exact": True, "scored": True, "features_in_metrics": 1001}
    return [good | {"worker_peak_mb": peak} | change for peak in peaks]


def test_each_point_is_measured_once_a_round_and_the_base_stands_in_several_series() -> None:
    points = points_of(FULL.series)
    assert len(points) == len(set(points)) < sum(map(len, FULL.series.values()))
    assert BASE in points


def test_rounds_begin_with_other_points() -> None:
    points = points_of(FULL.series)
    firsts = {turn * (len(points) // FULL.rounds) % len(points) for turn in range(FULL.rounds)}
    assert len(firsts) == FULL.rounds


def test_a_point_shows_the_medians_of_its_rounds() -> None:
    rounds = [Run(1000, cpu, 0.5, 2.0, 0.0, 0.25, peak) for cpu, peak in ((0.1, 300.0), (0.2, 310.0), (0.05, 500.0))]
    found = described(rounds)
    assert (found["per_cpu_s"], found["per_cpu_s_low"], found["per_cpu_s_high"]) == (10_000, 5000, 20_000)
    assert found["worker_peak_mb"] == 310
    with pytest.raises(ValueError, match="round"):
        described([])


@pytest.mark.parametrize("varied", [1, 4, 8])
def test_as_many_dimensions_vary_as_asked_for_and_the_size_stays(varied: int) -> None:
    assert set(VARIED) < set(DIMENSIONS)
    events = interactions(Shape(800, BEGIN, features=1, varied=varied))
    spread = [len({getattr(event, name) for event in events}) for name in VARIED]
    assert spread == [16] * varied + [1] * (len(VARIED) - varied)
    sizes = [sum(map(len, make(Shape(500, BEGIN, varied=n)))) for n in (1, varied)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def test_in_an_attack_every_event_is_of_a_new_feature() -> None:
    assert len({event.feature for event in interactions(Shape(700, BEGIN, features=NEW_EACH))}) == 700


def test_attacks_double() -> None:
    assert [b / a for a, b in zip(FULL.attacks, FULL.attacks[1:], strict=False)] == [2.0, 2.0]


def test_an_attack_is_harmless_when_memory_stays_and_all_is_counted() -> None:
    assert harmless(attacks(300, 500, 540)) is True
    assert harmless(attacks(300, 500, 900)) is False
    assert harmless(attacks(300, 500, 540, exact=False)) is False
    assert harmless(attacks(300, 500, 540, scored=False)) is False
    assert harmless(attacks(300, 500, 540, features_in_metrics=1002)) is False


def test_a_quick_attack_gives_no_verdict() -> None:
    assert harmless(attacks(*QUICK.attacks)) is None
