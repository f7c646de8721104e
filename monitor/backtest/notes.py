"""What a window's length makes of the detector's assumptions, said before anybody wonders why nothing pages."""

from collections.abc import Iterator

from detectors.learning import min_windows
from detectors.schedule import HISTORY


def about_windows(seconds: int) -> Iterator[str]:
    """What to say of windows of so many seconds."""
    most = HISTORY // seconds
    least = min_windows(seconds)
    if most < least:
        yield (
            f"windows of {seconds:,} s are too long: a baseline needs {least} windows "
            f"within {HISTORY // 86_400} days, and there are {most} at most; all series stay WARMING and nothing pages"
        )
