"""What a scorer scores: features, or pools of features. The same questions to the store, for both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.base import Floats
from detectors.knowledge import Rows
from monitor.columns import Expected, MaskCounts
from monitor.history import expected_when_judged, read_columns
from monitor.pool_history import read_pool
from monitor.pool_windows import Marks, among_members, of_several, still_members
from monitor.store.changes import HEARD_WITHIN
from monitor.store.pools import read_lively_pools, read_pool_counts
from monitor.store.windows import Lively, read_lively, read_mask_counts


class Windows(Protocol):
    """Windows of one series' KPIs, from which each KPI's rows come by its place among SCORED."""

    def between(self, start: int, end: int) -> "Windows":
        """Those that start in [start, end), Unix seconds."""

    def rows(self, place: int, /) -> Rows:
        """Of one KPI."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whose windows are read: where it begins, from when on they are wanted, when it learned; Unix seconds.

    `strata` are those whose rates it learned.
    """

    first: int
    begin: int
    learned: int
    strata: tuple[str, ...]


class Source(Protocol):
    """Where a scorer's series are. What takes a client blocks."""

    rates_only: bool
    """Arrivals, missing telemetry and what is asked are not scored."""

    def lively(self, client: Client, start: int, end: int) -> list[Lively]:
        """The series with windows in [start, end), Unix seconds, the liveliest first."""

    def counts(self, client: Client, start: int, end: int) -> MaskCounts:
        """Their windows in [start, end), as they closed."""

    def beginners(self, counts: MaskCounts) -> MaskCounts:
        """Those of the counts whose series may be scored from now on, if they are not yet."""

    def expected(self, client: Client, start: int, end: int) -> Expected:
        """What was expected of them by heartbeats."""

    def columns(
        self, client: Client, looks: Mapping[str, Look], end: int, floors: Floats
    ) -> Iterator[tuple[str, Windows]]:
        """Each of these with its windows until `end`."""

    def kept(
        self, counts: MaskCounts, strata: Mapping[str, Sequence[str]], learned: Mapping[str, int], marks: Marks
    ) -> tuple[MaskCounts, int]:
        """Those of the counts that are scored, and how many features a cap left out.

        `strata` and `learned` are what the series know by now, and when they learned it.
        """


class Features:
    """Each feature by itself."""

    rates_only = False

    def lively(self, client: Client, start: int, end: int) -> list[Lively]:
        """See Source."""
        return read_lively(client, start, end)

    def counts(self, client: Client, start: int, end: int) -> MaskCounts:
        """See Source."""
        return read_mask_counts(client, start, end)

    def beginners(self, counts: MaskCounts) -> MaskCounts:
        """All of them."""
        return counts

    def expected(self, client: Client, start: int, end: int) -> Expected:
        """See Source."""
        return expected_when_judged(client, start, end)

    def columns(
        self, client: Client, looks: Mapping[str, Look], end: int, floors: Floats
    ) -> Iterator[tuple[str, Windows]]:
        """See Source."""
        begin = min(look.begin for look in looks.values())
        first = {name: look.first for name, look in looks.items()}
        yield from read_columns(client, sorted(looks), begin, end, first, floors)

    def kept(
        self, counts: MaskCounts, strata: Mapping[str, Sequence[str]], learned: Mapping[str, int], marks: Marks
    ) -> tuple[MaskCounts, int]:
        """All of them: what has no stratum of its own is in the last one."""
        return counts, 0


@dataclass(frozen=True, slots=True)
class Pools:
    """All features that share a value of one of these dimensions, as one series."""

    dimensions: tuple[str, ...]
    rates_only = True

    def lively(self, client: Client, start: int, end: int) -> list[Lively]:
        """See Source."""
        return read_lively_pools(client, self.dimensions, start, end)

    def counts(self, client: Client, start: int, end: int) -> MaskCounts:
        """See Source."""
        return read_pool_counts(client, self.dimensions, start, end)

    def beginners(self, counts: MaskCounts) -> MaskCounts:
        """Pools in which there are two features: one that only one feature names must not take a pool's place."""
        return counts.only(of_several(counts))

    def expected(self, client: Client, start: int, end: int) -> Expected:
        """Nothing: a heartbeat counts a feature's interactions, and not which model they had."""
        return {}

    def columns(
        self, client: Client, looks: Mapping[str, Look], end: int, floors: Floats
    ) -> Iterator[tuple[str, Windows]]:
        """See Source."""
        for name, look in sorted(looks.items()):
            yield name, read_pool(client, name, look.strata, (look.begin, end), look.learned, floors)

    def kept(
        self, counts: MaskCounts, strata: Mapping[str, Sequence[str]], learned: Mapping[str, int], marks: Marks
    ) -> tuple[MaskCounts, int]:
        """What members did: a feature that is new in a pool is in it when the pool has learned its rate."""
        inside, left_out = among_members(counts, {name: strata.get(name, ()) for name in learned})
        found = counts.only(inside)
        keep = np.ones(len(found.n), dtype=np.bool_)
        for pool in learned if marks else ():
            keep &= (found.feature != pool) | still_members(found, marks, learned[pool], HEARD_WITHIN)
        return found.only(keep), left_out
