import random
import sys
import uuid
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import memory as module
from monitor.memory import IdMemory
from monitor.scan.ids import ids_of


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


@dataclass
class Model:
    """What `IdMemory` means, with sets of Python."""

    horizon_ms: int
    limit: int
    ids_from: int = 0
    ids_split: int = 0
    split_at_ms: int = 0
    older: set[str] = field(default_factory=set)
    younger: set[str] = field(default_factory=set)

    def is_new(self, event_id: str, offset: int, logged_ms: int) -> bool:
        if event_id in self.younger or event_id in self.older:
            return False
        if len(self.younger) >= self.limit or logged_ms - self.split_at_ms >= self.horizon_ms:
            self.older, self.younger = self.younger, set()
            self.ids_from, self.ids_split, self.split_at_ms = self.ids_split, offset, logged_ms
        self.younger.add(event_id)
        return True


def state(memory: IdMemory | Model) -> tuple[object, ...]:
    borders = (memory.ids_from, memory.ids_split, memory.split_at_ms)
    return borders, set(memory.older), set(memory.younger)


IDS = st.sampled_from(
    [f"id-{number}" for number in range(30)]
    + ["a", "b", "letters8", "letters-9", "x" * 63, "x" * 64, "y" * 64, "ü", "\u0e01" * 64, "\U0001f600" * 64]
)
RECORDS = st.tuples(IDS, st.integers(1, 3), st.integers(-30, 60))
"""An id, and how much further the offset and Kafka's record time are."""
BATCHES = st.lists(st.lists(RECORDS, max_size=40), max_size=8)


@given(BATCHES, st.integers(0, 300), st.integers(0, 20), st.integers(0, 2**63))
def test_batches_are_decided_as_by_two_sets_one_by_one(
    batches: list[list[tuple[str, int, int]]], horizon_ms: int, limit: int, seed: int
) -> None:
    """Ids come again within a batch and after it, and generations turn in the middle of one, often."""
    memory, model = IdMemory(horizon_ms, limit, seed=seed), Model(horizon_ms, limit)
    offset = logged_ms = 0
    for batch in batches:
        offsets, logged = [], []
        for _, step, later in batch:
            offset, logged_ms = offset + step, max(logged_ms + later, 0)
            offsets.append(offset)
            logged.append(logged_ms)
        texts = [event_id for event_id, _, _ in batch]
        expected = [model.is_new(*one) for one in zip(texts, offsets, logged, strict=True)]
        new = memory.are_new(ids_of(texts), np.array(offsets, dtype=np.int64), np.array(logged, dtype=np.int64))
        assert new.dtype == np.bool_
        assert new.tolist() == expected
        assert state(memory) == state(model)
        assert {type(border) for border in (memory.ids_from, memory.ids_split, memory.split_at_ms)} == {int}


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
        assert many.are_new(ids_of(ids), offsets, logged).tolist() == [
            single.is_new(*one) for one in zip(ids, offsets, logged, strict=True)
        ]
        assert many == single


@pytest.mark.parametrize(("horizon_ms", "limit"), [(0, 1000), (1000, 0), (0, 0), (1000, 1)])
def test_a_memory_that_turns_at_every_new_id_comes_to_an_end(horizon_ms: int, limit: int) -> None:
    memory = IdMemory(horizon_ms, limit)
    texts = ["a", "b", "b", "a", "c", "a"]
    new = memory.are_new(ids_of(texts), range(6), [0] * 6)
    assert new.tolist() == [True, True, False, False, True, True]
    assert state(memory) == ((4, 5, 0), {"c"}, {"a"})


def test_a_limit_and_a_horizon_beyond_64_bits_are_never_reached() -> None:
    memory = IdMemory(horizon_ms=2**80, limit=2**80)
    assert memory.are_new(ids_of(["a", "b"]), [0, 1], [0, 2**60]).all()
    assert len(memory.younger) == 2


def test_decisions_at_full_size_are_those_of_two_sets() -> None:
    """Tables double and turn while batches of a worker's size go through, with a retry now and then."""
    chance = random.Random(8)
    memory, model = IdMemory(10**9, 9000, seed=chance.getrandbits(63)), Model(10**9, 9000)
    before: list[str] = []
    for begin in range(0, 40_000, 2000):
        texts = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(1960)]
        texts += [*chance.sample(texts, 20), *before[:20]]
        before = texts
        offsets, logged = list(range(begin, begin + len(texts))), [0] * len(texts)
        expected = [model.is_new(*one) for one in zip(texts, offsets, logged, strict=True)]
        assert memory.are_new(ids_of(texts), offsets, logged).tolist() == expected
    assert state(memory) == state(model)
    assert memory.ids_from > 0


def test_every_id_needs_an_offset_and_a_time() -> None:
    memory = IdMemory(1000, 100)
    with pytest.raises(ValueError, match="1 offsets of 2"):
        memory.are_new(ids_of(["a", "b"]), [0], [0, 0])
    with pytest.raises(ValueError, match="3 record times of 2"):
        memory.are_new(ids_of(["a", "b"]), [0, 1], [0, 0, 0])
    assert state(memory) == ((0, 0, 0), set(), set())


@given(st.lists(st.tuples(st.integers(0, 60), IDS), max_size=60), st.integers(1, 20))
def test_what_is_read_back_goes_to_the_generation_of_its_offset(pairs: list[tuple[int, str]], at_once: int) -> None:
    memory = IdMemory(1000, 100, ids_from=20, ids_split=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAIRS", at_once)
        memory.restore(iter(pairs))
    assert set(memory.older) == {event_id for offset, event_id in pairs if 20 <= offset < 40}
    assert set(memory.younger) == {event_id for offset, event_id in pairs if offset >= 40}


def test_no_python_object_is_kept_of_an_event() -> None:
    memory, texts = IdMemory(10**9, 15_000), [f"event-{number:08}" for number in range(20_000)]
    ids, numbers = ids_of(texts), np.arange(20_000)
    memory.are_new(ids.only(0), numbers[:1], numbers[:1])
    before = sys.getallocatedblocks()
    memory.are_new(ids, numbers, numbers)
    assert sys.getallocatedblocks() - before < 200
    assert len(memory.younger) + len(memory.older) == 20_000
