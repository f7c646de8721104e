"""Batches of records to columns, by the compiled code; what it leaves is for others to read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.scan import walk as column
from monitor.scan.cells import cells
from monitor.scan.facts import part_facts, whole_facts
from monitor.scan.native import NativeBlocks
from monitor.scan.plan import Ints, Octets, at
from monitor.scan.planning import make_plan
from monitor.scan.raw import SLACK
from monitor.scan.slices import SPAN, Slices
from monitor.scan.tokens import MOST_LETTERS, PADDING
from monitor.scan.walk import COLUMNS, Places, Scratch, walk
from monitor.tally import SlotKey
from monitor.windows import DIMENSIONS, Said
from schemas.codec import MAX_RECORD_BYTES
from schemas.derive import derive
from schemas.telemetry import Interaction

_EMPTY = b""
_PADDING = bytes(PADDING)


@dataclass(slots=True)
class Scanned:
    """The records of one batch that were read, column by column, each of shape (records,)."""

    position: Ints
    """In the batch."""
    found: Ints
    """Shape (records, COLUMNS), as `walk.py` names them."""
    ids: list[str]
    said: Sequence[Said]
    """Slices by their number."""
    kept: bytes
    """What the addresses in `found` lead into."""

    @property
    def ts(self) -> Ints:
        """Unix microseconds."""
        return self.found[:, column.TS]

    @property
    def mask(self) -> Ints:
        """May be written to."""
        return self.found[:, column.MASK]

    def only(self, keep: NDArray[np.bool_]) -> "Scanned":
        """Those where `keep` is true."""
        ids = [self.ids[i] for i in np.flatnonzero(keep).tolist()]
        return Scanned(self.position[keep], self.found[keep], ids, self.said, self.kept)

    def left(self, records: int) -> list[int]:
        """Positions of the records that are not among these."""
        others = np.ones(records, dtype=np.bool_)
        others[self.position] = False
        return np.flatnonzero(others).tolist()

    def extremes(self) -> tuple[int, ...]:
        """The earliest and the latest time, if there is any."""
        return (int(self.ts.min()), int(self.ts.max())) if self.ids else ()

    def feature(self, i: int) -> str:
        """Of one event."""
        return self.said[self.found[i, column.CUT]][0] or ""

    def cells(self, window_us: int) -> Iterator[tuple[SlotKey, int, int]]:
        """Number of the window, slice and mask, with how many events there are of it, and how many they stand for."""
        windows, cuts, masks = self.ts // window_us, self.found[:, column.CUT], self.mask
        first, n, weight = cells(windows, cuts, masks, self.found[:, column.WEIGHT])
        columns = (windows[first].tolist(), cuts[first].tolist(), masks[first].tolist(), n.tolist(), weight.tolist())
        for window, cut, mask, many, stands in zip(*columns, strict=True):
            yield (window, self.said[cut], mask), many, stands


class Scanner:
    """Reads interactions that are ordinary, in slices that were met before. For one thread."""

    def __init__(self) -> None:
        shape = derive(Interaction, "interaction")
        planned = make_plan(shape, whole_facts(shape), part_facts(shape))
        self._plan = planned.plan
        self._at = at(self._plan)
        self._slices = Slices()
        self._values = np.zeros(len(self._plan.kind), dtype=np.int64)
        self._spans = np.zeros((len(DIMENSIONS) + 1, SPAN), dtype=np.int64)
        self._follows = np.concatenate([np.arange(len(self._plan.kind)), self._plan.first_field[:-1]])
        self._scratch = Scratch(*(part.ctypes.data for part in (self._values, self._spans, self._follows)))
        self._blocks = NativeBlocks(planned, self._at, self._follows.ctypes.data)

    def scan(self, values: Sequence[bytes | None]) -> Scanned:
        """What it can read of these records."""
        texts: list[bytes] = [value or _EMPTY for value in values]
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        for large in np.flatnonzero(lengths > MAX_RECORD_BYTES):
            texts[large], lengths[large] = _EMPTY, 0
        whole = b"\0".join([*texts, _PADDING])
        buf, ends = np.frombuffer(whole, dtype=np.uint8), np.cumsum(lengths + 1) - 1
        found = np.empty((len(texts), COLUMNS), dtype=np.int64)
        ids = np.empty(len(texts) * MOST_LETTERS + SLACK, dtype=np.uint8)
        places = Places(*(part.ctypes.data for part in (buf, ends, found, ids)))
        walk(self._at, self._slices.known, self._scratch, places, len(texts))
        position = np.flatnonzero(found[:, column.GOOD])
        if len(position) < len(texts):
            found = found[position]
        return Scanned(position, found, _cut_up(ids, found[:, column.ID_END]), self._slices.said, whole)

    def warm_up(self) -> None:
        """Compile everything now: seconds where nothing was compiled before, and the first batch is waited for."""
        said: Said = ("warm-up", *(None for _ in DIMENSIONS[1:]))
        self.learn([said] * 2)
        value = {"kind": "interaction", "event_id": "warm-up-", "ts": "2026-01-01T00:00:00Z", "emitter": "a"}
        scanned = self.scan([msgspec.json.encode(value | {"feature": said[0]})])
        list(scanned.cells(1_000_000))
        self.block(scanned, "ai.telemetry", 0, [0])

    def block(
        self, scanned: Scanned, topic: str, partition: int, offsets: Sequence[int], items: Sequence[int] | None = None
    ) -> bytes:
        """What was scanned as a block in ClickHouse's Native format. `offsets` are the whole batch's, as are `items`:
        each record's position where several stand at one offset.
        """
        of_items = None if items is None else _ints(items)[scanned.position]
        return self._blocks.block(scanned.found, (topic, partition), _ints(offsets)[scanned.position], of_items)

    def learn(self, slices: Iterable[Said]) -> None:
        """From now on, read records of these slices too: those of events that the contract has taken."""
        self._slices.learn(slices)


def _cut_up(letters: Octets, ends: Ints) -> list[str]:
    """Texts that stand one behind another."""
    stops = ends.tolist()
    text = letters[: stops[-1] if stops else 0].tobytes().decode("ascii")
    return [text[begin:end] for begin, end in pairwise([0, *stops])]


def _ints(numbers: Sequence[int]) -> Ints:
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop)
    return np.array(numbers, dtype=np.int64)
