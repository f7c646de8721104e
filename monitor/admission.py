"""Which features are scored when there are more than a worker can hold. No I/O."""

from collections import defaultdict
from collections.abc import Iterable

from monitor.columns import Series

_HELD_NAMES = 50_000
"""Names whose first window is remembered; bounds memory."""

Seen = tuple[int, str, float]
"""Window start in Unix seconds, feature, interactions that arrived or were expected."""


class Admission:
    """Gives rows of a Series to features, at most `limit`; a feature that has one keeps it.

    Of the new ones the most active come first. Once half of the rows are taken, a feature gets one only
    in the second window it is seen in: names that are used once must not take the place of the next real
    feature. A feature without a row is not scored, and nothing is said of it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._first_seen: dict[str, int] = {}

    def admit(self, series: Series, seen: Iterable[Seen]) -> int:
        """Add rows for these features, while there is room. Returns how many of them have none."""
        activity: defaultdict[str, float] = defaultdict(float)
        lasting = set()
        for start, feature, n in seen:
            if feature not in series:
                activity[feature] += n
                if self._first_seen.setdefault(feature, start) != start:
                    lasting.add(feature)
        for feature in sorted(activity, key=lambda name: (-activity[name], name)):
            if len(series.features) < (self.limit if feature in lasting else self.limit // 2):
                series.add([feature])
                del self._first_seen[feature]
        if len(self._first_seen) > _HELD_NAMES:
            self._first_seen.clear()
        return sum(feature not in series for feature in activity)
