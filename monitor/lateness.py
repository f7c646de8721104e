"""Which events came after their window had closed. No I/O."""

from collections.abc import Iterable, Iterator

from monitor.windows import COMPLETENESS_SECONDS, WINDOW_SECONDS, Watermark
from schemas.outcomes import Bit

SECOND_US = 1_000_000


def may_be_late(earliest: int, latest: int, watermark: Watermark, now: float) -> bool:
    """Whether any event can be late whose times lie between these two, in Unix microseconds, in whatever order."""
    return window_end(earliest) <= max(watermark.value, min(latest / SECOND_US, now) - watermark.grace)


def late_bits(times: Iterable[int], watermark: Watermark, now: float) -> Iterator[int]:
    """The bits of each event, by its time in Unix microseconds, in the order in which they came.

    Event by event, for late is what comes after. A window is closed once such a watermark is stored, so the events
    without these bits are those that the scorer of that window saw, or would have seen.
    """
    reach, top, grace = watermark.value, 0, watermark.grace
    for ts in times:
        late = window_end(ts) <= reach
        very = late and window_end(ts) + COMPLETENESS_SECONDS <= reach
        yield (Bit.LATE if late else 0) | (Bit.VERY_LATE if very else 0)
        if ts > top:
            top, reach = ts, max(reach, min(ts / SECOND_US, now) - grace)


def window_end(ts: int) -> int:
    """End of the window of a time in Unix microseconds, in Unix seconds."""
    return (ts // (WINDOW_SECONDS * SECOND_US) + 1) * WINDOW_SECONDS
