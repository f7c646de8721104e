"""Batches of records to columns, by the compiled code; what it leaves is for others to read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.scan import walk as column
from monitor.scan.cells import ScannedCells, pairs
from monitor.scan.facts import part_facts, whole_facts
from monitor.scan.ids import Ids
from monitor.scan.native import NativeBlocks
from monitor.scan.plan import Ints, Octets, at
from monitor.scan.planning import make_plan
from monitor.scan.slices import SPAN, Numbering, Slices
from monitor.scan.tokens import PADDING
from monitor.scan.values import Values
from monitor.scan.walk import COLUMNS, Places, Scratch, walk
from monitor.windows import DIMENSIONS, Said
from schemas.codec import MAX_RECORD_BYTES
from schemas.derive import derive
from schemas.telemetry import Interaction


@dataclass(slots=True)
class Scanned:
    """The records of one batch that were read, column by column, each of shape (records,)."""

    position: Ints
    """In the batch."""
    found: Ints
    """Shape (records, COLUMNS), as `walk.py` names them."""
    slices: Numbering
    """What the numbers of slices stand for."""
    text: Octets
    """What the addresses in `found` lead into."""

    def __len__(self) -> int:
        return len(self.position)

    @property
    def ids(self) -> Ids:
        """The event ids, where they stand."""
        return Ids(self.found[:, column.ID_AT], self.found[:, column.ID_END], (self.text,))

    @property
    def ts(self) -> Ints:
        """Unix microseconds."""
        return self.found[:, column.TS]

    @property
    def mask(self) -> Ints:
        """May be written to."""
        return self.found[:, column.MASK]

    def cuts_masks_weights(self) -> tuple[Ints, Ints, Ints]:
        """Number of the slice, mask, and how many events each stands for."""
        return self.found[:, column.CUT], self.mask, self.found[:, column.WEIGHT]

    def only(self, keep: NDArray[np.bool_]) -> "Scanned":
        """Those where `keep` is true."""
        return Scanned(self.position[keep], self.found[keep], self.slices, self.text)

    def left(self, records: int) -> list[int]:
        """Positions of the records that are not among these."""
        others = np.ones(records, dtype=np.bool_)
        others[self.position] = False
        return np.flatnonzero(others).tolist()

    def extremes(self) -> tuple[int, ...]:
        """The earliest and the latest time, if there is any."""
        return (int(self.ts.min()), int(self.ts.max())) if len(self) else ()

    def feature(self, i: int) -> str:
        """Of one event."""
        return self.slices.said[self.found[i, column.CUT]][0] or ""

    def masks(self, since_us: int) -> Iterator[tuple[str, int, int]]:
        """Feature and mask of what is not older, with how many events there are of it."""
        recent = self.found if self.ts.min(initial=since_us) >= since_us else self.found[self.ts >= since_us]
        for number, mask, n in pairs(self.slices.features[recent[:, column.CUT]], recent[:, column.MASK]):
            yield self.slices.feature[number], mask, n


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
        held = Values.of(values)
        small = (held.begins >= 0) & (held.ends - held.begins <= MAX_RECORD_BYTES)
        nothing = len(held.text) - PADDING
        begins, ends = np.where(small, held.begins, nothing), np.where(small, held.ends, nothing)
        found = np.empty((len(held), COLUMNS), dtype=np.int64)
        places = Places(*(part.ctypes.data for part in (held.text, begins, ends, found)))
        walk(self._at, self._slices.known, self._scratch, places, len(held))
        position = np.flatnonzero(found[:, column.GOOD])
        if len(position) < len(held):
            found = found[position]
        return Scanned(position, found, self._slices.numbering, held.text)

    def warm_up(self) -> None:
        """Compile everything now: seconds where nothing was compiled before, and the first batch is waited for."""
        said: Said = ("warm-up", *(None for _ in DIMENSIONS[1:]))
        self.learn([said] * 2)
        value = {"kind": "interaction", "event_id": "warm-up-", "ts": "2026-01-01T00:00:00Z", "emitter": "a"}
        scanned = self.scan([msgspec.json.encode(value | {"feature": said[0]})])
        ScannedCells(scanned.slices).add(scanned.ts, *scanned.cuts_masks_weights())
        list(scanned.masks(0))
        self.block(scanned, "ai.telemetry", 0, np.zeros(1, dtype=np.int64))

    def block(self, scanned: Scanned, topic: str, partition: int, offsets: Ints, items: Ints | None = None) -> bytes:
        """What was scanned as a block in ClickHouse's Native format. `offsets` are the whole batch's, as are `items`:
        each record's position where several stand at one offset.
        """
        of_items = None if items is None else items[scanned.position]
        return self._blocks.block(scanned.found, (topic, partition), offsets[scanned.position], of_items)

    def learn(self, slices: Iterable[Said]) -> None:
        """From now on, read records of these slices too: those of events that the contract has taken."""
        self._slices.learn(slices)
