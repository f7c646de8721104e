"""Sets of event ids hold what a Python set would, whatever the hashes do, and make no Python object for an id."""

import random
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from monitor.scan import ids as module
from monitor.scan.id_table import MOST_BYTES, TAGS
from monitor.scan.ids import PLACES, Hashed, Ids, IdSet, ids_of
from monitor.scan.plan import Ints
from schemas.base import EventId

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=60)


def keys_of(texts: list[str], seed: int) -> Ints:
    """The hashes as a set sees them."""
    hashed = Hashed(seed, ids_of(texts))
    return hashed._kept[2]


def numbered(begin: int, end: int) -> list[str]:
    return [f"event-{number:08}" for number in range(begin, end)]


def of(texts: list[str], seed: int = 0) -> IdSet:
    made = IdSet(seed)
    made.add(ids_of(texts))
    return made


@given(TEXTS, TEXTS, st.integers(0, 2**64))
def test_a_set_holds_what_a_set_of_python_holds(added: list[str], asked: list[str], seed: int) -> None:
    made = IdSet(seed)
    for half in (added[::2], added):
        made.add(ids_of(half))
    assert len(made) == len(set(added))
    assert sorted(made) == sorted(set(added))
    assert made.holds(ids_of(asked)).tolist() == [text in set(added) for text in asked]
    assert [text in made for text in asked] == [text in set(added) for text in asked]


@given(TEXTS, TEXTS)
def test_sets_are_equal_by_what_they_hold_whatever_the_seed_and_the_order(one: list[str], other: list[str]) -> None:
    assert (of(one, 1) == of(other, 2)) == (set(one) == set(other))
    assert of(one, 1) == of(one[::-1], 2)
    assert of(one) != set(one)


def test_nothing_is_lost_while_a_set_grows_through_many_doublings() -> None:
    made, chance = IdSet(7), random.Random(3)
    begin = 0
    while begin < 40 * PLACES:
        size = chance.randrange(1, 3000)
        made.add(ids_of(numbered(begin, begin + size)))
        begin += size
        assert 2 * np.count_nonzero(made._table) <= len(made._table)
    assert len(made) == begin
    assert made.holds(ids_of(numbered(0, begin))).all()
    assert not made.holds(ids_of(numbered(begin, 2 * begin))).any()
    assert len(made._table) > 32 * PLACES


def test_ids_of_every_length_are_told_apart_to_their_last_byte() -> None:
    texts = ["x" * length for length in range(MOST_BYTES + 1)]
    made = of(texts)
    assert made.holds(ids_of(texts)).all()
    assert len(made) == len(texts)
    others = [text[:-1] + end for text in texts[1:] for end in ("y", "\0")]
    assert not made.holds(ids_of(others)).any()


def test_every_id_that_a_contract_takes_has_room() -> None:
    pattern = TypeAdapter(EventId).json_schema()["pattern"]
    most = int(pattern[pattern.index(",") + 1 : pattern.index("}")])
    widest = chr(0x1F600)
    assert most * len(widest.encode()) <= MOST_BYTES
    assert widest * most in of([widest * most])


def test_a_longer_id_is_refused_and_not_repeated() -> None:
    made = of(["x"])
    with pytest.raises(ValueError, match=f"1 to {MOST_BYTES + 1} bytes") as raised:
        made.add(ids_of(["x", "secret".ljust(MOST_BYTES + 1)]))
    assert "secret" not in str(raised.value)
    assert list(made) == ["x"]


def test_ids_of_one_place_and_one_tag_are_told_apart() -> None:
    seed, texts = 5, numbered(0, 100_000)
    seen: dict[int, str] = {}
    pairs = []
    for text, key in zip(texts, (keys_of(texts, seed) & (TAGS | PLACES - 1)).tolist(), strict=True):
        if key in seen:
            pairs.append((seen[key], text))
        seen[key] = text
    assert len(pairs) > 10
    for one, other in pairs:
        made = of([one], seed)
        assert other not in made
        made.add(ids_of([other]))
        assert sorted(made) == sorted([one, other])


def test_ids_that_all_want_the_last_place_go_on_from_the_first() -> None:
    seed, texts = 9, numbered(0, 200_000)
    last = [text for text, key in zip(texts, keys_of(texts, seed).tolist(), strict=True) if key % PLACES == PLACES - 1]
    held, others = last[: len(last) // 2], last[len(last) // 2 :]
    made = of(held, seed)
    assert len(made._table) == PLACES
    assert made._table[: len(held) - 1].all()
    assert made.holds(ids_of(held)).all()
    assert not made.holds(ids_of(others)).any()


def test_ids_that_want_one_place_with_a_seed_are_spread_with_another() -> None:
    texts = numbered(0, 200_000)
    alike = [text for text, key in zip(texts, keys_of(texts, 1).tolist(), strict=True) if key % PLACES == 0]
    assert len(alike) > 100
    assert len(set((keys_of(alike, 2) % PLACES).tolist())) > len(alike) / 2


def test_a_difference_in_the_highest_bits_is_not_taken_back_by_the_next_word() -> None:
    """After one multiplication bit 62 of a word moves bits 62 and 30 of the hash, whatever the seed is, half the time.

    The same bits of the next word would put it right again. Here these bits tell a digit from a letter.
    """
    one, other = "0000000000000000", "0000000p000p000p"
    seeds = np.random.default_rng(4).integers(2**63, size=500).tolist()
    assert [seed for seed in seeds if len(set(keys_of([one, other], seed).tolist())) < 2] == []


def test_letters_may_stand_anywhere_in_any_order_and_addresses_in_any_array() -> None:
    text = np.frombuffer(b'{"event_id":"event-02"},{"event_id":"event-01"}' + bytes(8), dtype=np.uint8)
    spans = np.array([[37, 45], [13, 21], [37, 45]]) + text.ctypes.data
    made = IdSet()
    made.add(Ids(spans[:, 0], spans[:, 1], (text,)))
    assert sorted(made) == ["event-01", "event-02"]


def test_ids_are_joined_in_the_order_that_is_asked_for() -> None:
    both = ids_of(["a", "b"]).then(ids_of(["c"]), np.array([2, 0, 1]))
    assert [of(["c"]).holds(both).tolist(), of(["b"]).holds(both).tolist()] == [
        [True, False, False],
        [False, False, True],
    ]


def test_addresses_that_are_not_pairs_are_refused() -> None:
    ids = ids_of(["a", "b"])
    with pytest.raises(ValueError, match="1 ends"):
        IdSet().add(Ids(ids.begins, ids.ends[:1], ids.kept))
    with pytest.raises(ValueError, match="3 record times of 2"):
        IdSet().hashed(ids, np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="-1 to 1 bytes"):
        IdSet().add(Ids(ids.begins, ids.ends - np.array([2, 0]), ids.kept))


def test_letters_beyond_what_an_entry_can_say_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = of(["x" * 60])
    monkeypatch.setattr(module, "OFFSETS", 100)
    with pytest.raises(OverflowError, match="120 bytes"):
        made.add(ids_of(["y" * 60]))
    assert list(made) == ["x" * 60]


def test_a_successor_is_empty_and_need_not_grow() -> None:
    made = of(numbered(0, 5000), 3)
    after = made.successor()
    assert (len(after), list(after)) == (0, [])
    size = after.nbytes
    after.add(ids_of(numbered(5000, 10_000)))
    assert after.nbytes == size
    assert len(of(["x"]).successor()._table) == PLACES


def test_no_python_object_is_made_for_an_id() -> None:
    made, ids = IdSet(), ids_of(numbered(0, 20_000))
    made.add(ids.only(0))
    before = sys.getallocatedblocks()
    made.add(ids)
    assert sys.getallocatedblocks() - before < 100
    assert len(made) == 20_000
