"""Two policies on one history: which pages are gained, lost and moved. No I/O."""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.backtest.page import Page, line
from monitor.moments import rfc3339


@dataclass(frozen=True, slots=True)
class Change:
    """A page that only the new policy sends (`old` is None), only the old one, or each at another time."""

    old: Page | None
    new: Page | None

    @property
    def what(self) -> Literal["gained", "lost", "moved"]:
        """What happens to the page."""
        if self.old is None:
            return "gained"
        return "lost" if self.new is None else "moved"

    @property
    def page(self) -> Page:
        """The page as the new policy sends it, where it does."""
        found = self.new if self.new is not None else self.old
        if found is None:
            raise ValueError("a change of no page")
        return found


def compare(old: Sequence[Page], new: Sequence[Page]) -> tuple[list[Change], int]:
    """The changes, in order of time, and how many pages stay. Two pages are one if their incidents overlap."""
    waiting: defaultdict[tuple[str, str, str], list[Page]] = defaultdict(list)
    for page in new:
        waiting[page.feature, page.kpi, page.direction].append(page)
    changes: list[Change] = []
    left: list[Page] = []
    same = 0
    for page in old:
        among = waiting[page.feature, page.kpi, page.direction]
        if (found := next((other for other in among if other.detected_at == page.detected_at), None)) is not None:
            among.remove(found)
            same += 1
        else:
            left.append(page)
    for page in left:
        among = waiting[page.feature, page.kpi, page.direction]
        found = min(
            (other for other in among if _overlap(page, other)),
            key=lambda other: abs(other.detected_at - page.detected_at),
            default=None,
        )
        if found is not None:
            among.remove(found)
        changes.append(Change(page, found))
    changes += [Change(None, page) for rest in waiting.values() for page in rest]
    return sorted(changes, key=lambda change: change.page.key), same


def change_line(change: Change) -> str:
    """The change as a line of JSON, without its end: the page, and for a moved one when the old policy sent it."""
    found = {"change": change.what, **json.loads(line(change.page))}
    if change.old is not None and change.new is not None:
        found["detected_at_before"] = rfc3339(change.old.detected_at)
        found["seconds_later"] = change.new.detected_at - change.old.detected_at
    return json.dumps(found)


def _overlap(one: Page, other: Page) -> bool:
    return _from(one) <= _until(other) and _from(other) <= _until(one)


def _from(page: Page) -> int:
    return min(page.onset, page.detected_at)


def _until(page: Page) -> float:
    return math.inf if page.resolved_at is None else page.resolved_at
