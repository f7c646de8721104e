"""What the compiled scanner knows of a contract, as arrays. `planning.py` makes them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

TEXT, SLICE, WORD, FLAG, WHOLE, NUMBER, TIME, PART, PARTS, WORDS = range(10)
"""What a field holds: text of an alphabet, a dimension of the slice, a word of a vocabulary, true or false, an integer,
a float, a time, a part, many parts, many words."""
ENTRIES = 128
"""Places in the table of one dictionary; a power of two."""
SEED, PRIME, SHIFT = 1_469_598_103, 0x2545_F491_4F6C_DD1D, 32
"""Of the hash of names, words and slices."""
ABSENT = -1


class Plan(NamedTuple):
    """Fields are numbered through all structs, the record's own first."""

    classes: Octets
    """(alphabets, 256): 1 for a byte that is in the alphabet. The first holds every plain character."""
    dictionary: Ints
    """(dictionaries, ENTRIES): an entry, or -1. One for the names of each struct, then one for each vocabulary."""
    entry_at: Ints
    """Where the text of each entry begins in `letters`, shape (entries + 1,)."""
    entry_code: Ints
    """The field, or the place in its vocabulary, that an entry stands for. The entry of a field has its number."""
    letters: Octets
    first_field: Ints
    """Of each struct, shape (structs + 1,)."""
    required: Ints
    """By struct: a bit for each field that must be there, counted from the struct's first."""
    kind: Ints
    nullable: Ints
    first: Ints
    """By field, as its kind wants it: alphabet of the first character, dimension, dictionary, or struct."""
    rest: Ints
    """By field: alphabet of the other characters."""
    low: Ints
    high: Ints
    """By field: smallest and largest length, value, or number of elements."""
    facts: Ints
    """Bits of masks, one run for each fact; a fact's first is what its absence means."""
    fact: Ints
    """By field of the record: its run in `facts`, or -1."""
    inside: Ints
    """By field of the record: the run of what is inside the part, or -1."""
    stride: Ints
    """By field of a part: how far its value moves within the run; 0 where no mask depends on it."""
    structs: int
    event_id: int
    ts: int
    sample_weight: int
    """How many structs there are, and fields of the record."""


class At(NamedTuple):
    """A plan for the compiled code: the addresses of its arrays, and its numbers. The plan must outlive it."""

    classes: int
    dictionary: int
    entry_at: int
    entry_code: int
    letters: int
    first_field: int
    required: int
    kind: int
    nullable: int
    first: int
    rest: int
    low: int
    high: int
    facts: int
    fact: int
    inside: int
    stride: int
    structs: int
    event_id: int
    ts: int
    sample_weight: int


def at(plan: Plan) -> At:
    """Where a plan's arrays stand."""
    return At(*(part.ctypes.data if isinstance(part, np.ndarray) else part for part in plan))
