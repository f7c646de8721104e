"""What a batch held, and what a partition has to store: plain numbers and rows."""

from collections import Counter
from dataclasses import dataclass, field

from monitor.scan.cells import ScannedCells
from monitor.windows import Cells, Said
from schemas.dead_letter import DeadLetter
from schemas.telemetry import Heartbeat

SlotKey = tuple[int, Said, int]
"""Number of the window, slice as the event has it, mask."""


@dataclass(slots=True)
class Tally:
    """What happened to the records of one or more batches, for metrics and for the range row."""

    records: int = 0
    skipped: int = 0
    """Offsets without a record: expired before we read them, compacted, or transaction markers."""
    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    folded: Counter[str] = field(default_factory=Counter)
    masks: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Recent events by (feature, mask)."""
    heartbeats: list[Heartbeat] = field(default_factory=list)
    """Recent ones."""
    probes: dict[str, float] = field(default_factory=dict)
    """Event time of the newest recent synthetic interaction, Unix seconds, by feature."""
    content: Counter[str] = field(default_factory=Counter)
    """OTLP attributes with content, dropped unread, by name."""
    not_counted: Counter[str] = field(default_factory=Counter)
    """OTLP items that are no interaction and no verdict, by kind."""
    unknown_reasons: int = 0
    """OTLP finish reasons that no table knows."""


@dataclass(slots=True)
class Pending:
    """What one partition adds to the store at the next flush."""

    offset_from: int
    offset_to: int
    open_cells: Cells = field(default_factory=dict)
    """What to add to each window, without what is in `scanned` yet."""
    slots: dict[SlotKey, list[int]] = field(default_factory=dict)
    """The same cells by what events say, where nothing was folded: the way to a cell that was met before."""
    scanned: ScannedCells = field(default_factory=ScannedCells)
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    """JSON rows by table: blocks of lines, one for each batch."""
    blocks: dict[str, list[bytes]] = field(default_factory=dict)
    """Rows by table too: Native blocks, one for each batch."""
    events: int = 0
    """Rows in lines and blocks."""
    bytes: int = 0
    """Their size."""
    letters: list[DeadLetter] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def cells(self) -> Cells:
        """What to add to each window."""
        self.scanned.settle()
        return self.open_cells

    def rows(self) -> int:
        """Rows it will write."""
        return len(self.open_cells) + self.events + len(self.letters)


def add_tally(total: Tally, part: Tally) -> None:
    """Add what a range row tells of a batch to that of its flush."""
    total.records += part.records
    total.skipped += part.skipped
    total.accepted += part.accepted
    total.duplicates += part.duplicates
    total.rejected.update(part.rejected)
    total.late.update(part.late)
