import random

from hypothesis import given
from hypothesis import strategies as st

from monitor.memory import IdMemory


def test_a_repeat_within_the_horizon_is_not_new() -> None:
    memory = IdMemory(horizon_ms=1000, limit=100)
    assert memory.is_new("a", 0, 0)
    assert memory.is_new("b", 1, 900)
    assert not memory.is_new("a", 2, 1000)


def test_an_id_is_forgotten_after_twice_the_horizon() -> None:
    memory = IdMemory(horizon_ms=1000, limit=100)
    memory.is_new("a", 0, 1000)
    memory.is_new("b", 1, 2100)
    memory.is_new("c", 2, 3200)
    assert memory.is_new("a", 3, 3300)


def test_the_memory_is_bounded() -> None:
    memory = IdMemory(horizon_ms=10**9, limit=50)
    for offset in range(1000):
        memory.is_new(str(offset), offset, 0)
    assert len(memory.older) + len(memory.younger) <= 100


@given(st.integers(0, 199), st.integers(0, 2**32))
def test_a_memory_read_back_decides_as_the_lost_one_would(cut: int, seed: int) -> None:
    """What the store keeps (two offsets, a time, and the ids) is enough to go on exactly."""
    chance = random.Random(seed)
    log = [(f"id-{chance.randrange(80)}", offset, offset * 37) for offset in range(200)]
    whole = IdMemory(horizon_ms=1000, limit=20)
    stored: list[tuple[int, str]] = []
    expected = []
    for event_id, offset, at in log:
        new = whole.is_new(event_id, offset, at)
        expected.append(new)
        if new:
            stored.append((offset, event_id))
        if offset == cut:
            kept = (whole.ids_from, whole.ids_split, whole.split_at_ms)
    again = IdMemory(1000, 20, *kept)
    again.restore(pair for pair in stored if pair[0] <= cut)
    decisions = [again.is_new(event_id, offset, at) for event_id, offset, at in log[cut + 1 :]]
    assert decisions == expected[cut + 1 :]


@given(st.lists(st.integers(1, 12), max_size=30), st.integers(0, 2**32))
def test_many_at_once_are_decided_as_one_by_one(runs: list[int], seed: int) -> None:
    chance = random.Random(seed)
    single, many = IdMemory(horizon_ms=500, limit=20), IdMemory(horizon_ms=500, limit=20)
    offset = 0
    for size in runs:
        ids = [f"id-{chance.randrange(2 ** chance.randrange(1, 9))}" for _ in range(size)]
        offsets = list(range(offset, offset + size))
        logged = [at * 37 - chance.randrange(100) for at in offsets]
        offset += size
        assert many.are_new(ids, offsets, logged) == [
            single.is_new(*one) for one in zip(ids, offsets, logged, strict=True)
        ]
        assert many == single
