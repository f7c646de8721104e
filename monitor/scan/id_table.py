"""Compiled: the table of a set of event ids, by the addresses of its arrays.

An id is in a set when the same bytes are; its hash only says where to look. The hash is seeded before it sees a
letter, so that nobody who does not know the seed can send ids that all want the same place.
"""

from typing import NamedTuple

from detectors.compiled import compiled, inlined
from monitor.scan.raw import copy, mixed, put_byte, put_word, word
from monitor.scan.tokens import equal, tail

LENGTH_BITS, OFFSET_BITS = 10, 37
LENGTHS, OFFSETS = (1 << LENGTH_BITS) - 1, (1 << OFFSET_BITS) - 1
TAGS = (1 << 63) - (1 << LENGTH_BITS + OFFSET_BITS)
"""An entry of the table: the length and 1, where the letters begin, and these bits of the hash. 0 is an empty place."""
MOST_BYTES = LENGTHS - 1
"""Of an id in UTF-8. Every contract allows 64 letters."""


class Held(NamedTuple):
    """A set for the compiled code."""

    table: int
    """The address of the entries."""
    mask: int
    """Places less 1."""
    letters: int
    """The address of the letters."""
    many: int
    """Ids that are held."""
    end: int
    """Bytes of letters that are held."""


class Batch(NamedTuple):
    """Ids for the compiled code, by the addresses of the arrays of `Ids` and of more numbers of each id."""

    begins: int
    ends: int
    keys: int
    """Room for their hashes."""
    logged_ms: int
    new: int
    """Room for a byte of each: whether it was new."""
    many: int


@compiled
def hash_of(seed: int, begin: int, end: int) -> int:
    """The hash of a text. Two steps a word: after one, a difference in its highest bits is easy to take back."""
    value = mixed(seed, end - begin)
    while end - begin >= 8:
        value = mixed(mixed(value, word(begin, 0)), seed)
        begin += 8
    return mixed(mixed(value, tail(begin, end - begin)), seed) if end > begin else value


@inlined
def _find(held: Held, key: int, begin: int, length: int) -> int:
    """The place of an id of this hash; below 0, -1 less the place where it would stand."""
    place, wanted = key & held.mask, key & TAGS | (length + 1)
    entry = word(held.table, place)
    while entry:
        if entry & (TAGS | LENGTHS) == wanted and equal(begin, held.letters + (entry >> LENGTH_BITS & OFFSETS), length):
            return place
        place = (place + 1) & held.mask
        entry = word(held.table, place)
    return -1 - place


@inlined
def _put(held: Held, place: int, key: int, begin: int, end: int, at: int) -> int:
    """Write an id to an empty place, and its letters so many bytes behind the first; the bytes that are held then."""
    put_word(held.table, place, key & TAGS | (at << LENGTH_BITS) | (end - begin + 1))
    return copy(begin, end, held.letters + at) - held.letters


@compiled
def hash_all(seed: int, batch: Batch) -> None:
    """Write their hashes."""
    for i in range(batch.many):
        put_word(batch.keys, i, hash_of(seed, word(batch.begins, i), word(batch.ends, i)))


@compiled
def find_all(held: Held, batch: Batch) -> None:
    """Write which are new to the set."""
    for i in range(batch.many):
        begin = word(batch.begins, i)
        place = _find(held, word(batch.keys, i), begin, word(batch.ends, i) - begin)
        put_byte(batch.new + i, 1 if place < 0 else 0)


@compiled
def add_all(held: Held, batch: Batch) -> tuple[int, int]:
    """Hold all of them. There must be room; the ids and the bytes that are held then."""
    count, at = held.many, held.end
    for i in range(batch.many):
        begin, end, key = word(batch.begins, i), word(batch.ends, i), word(batch.keys, i)
        place = _find(held, key, begin, end - begin)
        if place < 0:
            at = _put(held, -1 - place, key, begin, end, at)
            count += 1
    return count, at


@compiled
def add_new(held: Held, older: Held, batch: Batch, i: int, limit: int, due_ms: int) -> tuple[int, int, int]:
    """Hold those that are in neither set, from number `i` on. There must be room.

    It stops before a new id where so many are held, or where Kafka's record time is due. The number that it stopped
    at, and the ids and the bytes that are held then.
    """
    count, at = held.many, held.end
    while i < batch.many:
        begin, end, key = word(batch.begins, i), word(batch.ends, i), word(batch.keys, i)
        place = _find(held, key, begin, end - begin)
        new = place < 0 and _find(older, key, begin, end - begin) < 0
        if new:
            if count >= limit or word(batch.logged_ms, i) >= due_ms:
                break
            at = _put(held, -1 - place, key, begin, end, at)
            count += 1
        put_byte(batch.new + i, 1 if new else 0)
        i += 1
    return i, count, at


@compiled
def move(old: Held, new: Held, seed: int) -> None:
    """Put the entries of a table into a larger one."""
    for place in range(old.mask + 1):
        entry = word(old.table, place)
        if entry:
            begin = old.letters + (entry >> LENGTH_BITS & OFFSETS)
            free = hash_of(seed, begin, begin + (entry & LENGTHS) - 1) & new.mask
            while word(new.table, free):
                free = (free + 1) & new.mask
            put_word(new.table, free, entry)
