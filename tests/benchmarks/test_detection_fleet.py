import numpy as np
import pytest

from benchmarks.detection.fleet import ANY, FIRST, GROUP, POOL, SINGLE, TOLD, WHOLE, FleetFound, measure_fleet
from benchmarks.detection.fleet_world import FleetTask, Scene, Watched, draw
from benchmarks.detection.worlds import DAY, MIDDLE, World
from detectors.fleet import Fleet

TASK = FleetTask(6, 2, (1,), 1, 0)


@pytest.fixture(name="watched", scope="module")
def _watched() -> Watched:
    return Watched(TASK, np.random.default_rng(1))


@pytest.fixture(name="found", scope="module")
def _found() -> FleetFound:
    return measure_fleet(TASK)


def test_draws_multiply_the_rate_of_the_season() -> None:
    world, chance = World(MIDDLE), np.random.default_rng(2)
    n, k = draw(world, 0, np.full(DAY, 1.5), np.array([[1.0], [2.0]]), chance)
    usual = float((world.traffic(0, DAY) * world.rate(0, DAY)).sum())
    assert k.sum(axis=1) == pytest.approx([1.5 * usual, 3.0 * usual], rel=0.03)
    assert n.sum(axis=1) == pytest.approx(np.full(2, world.traffic(0, DAY).sum()), rel=0.01)


def test_pools_are_the_sums_of_their_members_and_the_last_is_all(watched: Watched) -> None:
    n, k = draw(watched.world, 0, np.ones(10), np.ones((6, 1)), np.random.default_rng(3))
    pools = watched.pools(n, k, watched.seasons(0, 10))
    assert len(pools) == TASK.groups + 1
    assert len(watched.baselines) == TASK.series + TASK.groups + 1
    assert (pools[1].evaluated == n[2] + n[3]).all()
    assert (pools[-1].bad == k.sum(axis=0)).all()
    assert all(np.abs(np.log(one.mix)).max() < 0.5 for one in pools)


def test_a_scene_goes_through_its_windows_with_all_statistics(watched: Watched) -> None:
    n, k = draw(watched.world, 0, np.ones(50), np.full((6, 1), 3.0), np.random.default_rng(4))
    fleets = [Fleet(6, 1000.0), Fleet(6, 1000.0)]
    scene = Scene(watched, 0, n, k, fleets)
    opened = np.zeros(len(watched.baselines), dtype=np.bool_)
    for i in range(50):
        scene.step(i)
        opened |= scene.detector.opened
    assert opened.all()
    assert fleets[0].explanation is not None


def test_every_pager_has_a_delay_for_every_change(found: FleetFound) -> None:
    assert set(found.delays) == {f"{kind} {change}" for kind in (ANY, GROUP) for change in ("x1.5", "x2")}
    for delays in found.delays.values():
        assert set(delays) == {SINGLE, POOL, WHOLE, FIRST, TOLD}
        known = [delays[name][0] for name in (SINGLE, POOL, WHOLE) if not np.isnan(delays[name][0])]
        assert delays[FIRST][0] == min(known)
        assert delays[FIRST][0] > 0.0


def test_the_same_seed_gives_the_same_delays(found: FleetFound) -> None:
    assert str(measure_fleet(TASK).delays) == str(found.delays)
