"""A run of Kafka records of one partition: what travels from the fetch thread to the intake."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.scan.plan import Ints


@dataclass(slots=True)
class Batch:
    """Consecutive records of one partition, as fetched. `values` and `timestamps` run in parallel."""

    topic: str
    partition: int
    fetched_from: int
    """Offset at which this fetch began: `first`, or less where the log has gaps."""
    first: int
    last: int
    values: Sequence[bytes | None]
    timestamps: Sequence[int] | Ints
    """Kafka's record times, in Unix milliseconds."""
    offsets: Sequence[int] | Ints | None
    """One per value, or None when they run from `first` to `last` without a gap."""

    def let_go(self) -> None:
        """Hold the records no longer: they are counted, and the batch itself waits for its ack, which takes seconds."""
        self.values, self.timestamps, self.offsets = (), (), None

    def offset_of(self, index: int) -> int:
        """Offset of the record at this position."""
        return self.first + index if self.offsets is None else int(self.offsets[index])


@dataclass(frozen=True, slots=True)
class End:
    """Where a partition ends, as Kafka last said. The tail of a log may hold offsets without a record."""

    offset: int
    """One after the last offset there is."""
    said_at: float
    """When Kafka said so, in Unix seconds."""
    position: int
    """The next offset the consumer asks for."""
    packed: int
    """The offset after the last record that was put into a Batch."""
