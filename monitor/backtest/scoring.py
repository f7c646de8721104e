"""One history and one policy: the pages, and how long was watched for them. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from detectors.rolling import Leg
from monitor.backtest.history import History
from monitor.backtest.incidents import Incident, Story, known_until, size_at, story
from monitor.backtest.legs import Watch, legs, memory, state_before, watches
from monitor.backtest.page import Direction, Page
from monitor.incidents import wilson
from monitor.policy import Policy


@dataclass(slots=True)
class Outcome:
    """What came of one history or of many.

    `silent` counts, by KPI, incidents that the policy does not page; `watched` is in seconds, by KPI, and
    `watched_features`, of each feature that of the KPI that was watched longest. `cold` names series, (feature, KPI),
    that had no baseline at any time; `windows` is how many were gone through.
    """

    pages: list[Page] = field(default_factory=list)
    silent: Counter[str] = field(default_factory=Counter)
    watched: Counter[str] = field(default_factory=Counter)
    cold: list[tuple[str, str]] = field(default_factory=list)
    series: int = 0
    windows: int = 0
    watched_features: int = 0

    def add(self, more: "Outcome") -> None:
        """Take in what came of another history."""
        self.pages += more.pages
        self.silent += more.silent
        self.watched += more.watched
        self.cold += more.cold
        self.series += more.series
        self.windows += more.windows
        self.watched_features += more.watched_features


def score_history(history: History, policy: Policy, begin: int) -> Outcome:
    """What the policy would have paged in windows from `begin`, Unix seconds, on. Raises UserError."""
    found = Outcome(series=len(history.kpis), windows=history.evaluated.size)
    for watch in watches(history, policy):
        of: defaultdict[int, list[tuple[int, Leg]]] = defaultdict(list)
        for leg in legs(watch, begin):
            of[leg.series].append((watch.window(leg.start), leg))
        for place in range(len(watch.kpis)):
            _score_series(history, policy, watch, place, of[place], begin, found)
    found.watched_features = max(found.watched.values(), default=0)
    return found


def _score_series(  # noqa: PLR0913  a series and where it goes
    history: History,
    policy: Policy,
    watch: Watch,
    place: int,
    seen: list[tuple[int, Leg]],
    begin: int,
    found: Outcome,
) -> None:
    kpi = history.kpis[watch.kpis[place]]
    earliest = max((begin - history.start) // history.seconds, 0)
    told = story(history.evaluated.shape[1], seen, earliest, lambda leg: state_before(watch, leg))
    found.watched[kpi] += told.scored * history.seconds
    if not told.scored:
        found.cold.append((history.feature, kpi))
    for page in _pages(history, watch, place, seen, told):
        if policy.pages(kpi, page.direction, history.feature):
            found.pages.append(page)
        else:
            found.silent[kpi] += 1


def _pages(history: History, watch: Watch, place: int, seen: list[tuple[int, Leg]], told: Story) -> Iterator[Page]:
    since = 0
    for one in told.incidents:
        size = size_at(one, since, told, memory(watch, seen, one.opened, known_until(one)), history.seconds)
        since = len(told.raised) if one.closed is None else one.closed + 1
        yield Page(
            feature=history.feature,
            kpi=history.kpis[watch.kpis[place]],
            onset=history.true_start(watch.kpis[place], size.first),
            detected_at=_end(history, one.opened, one.taken_up),
            resolved_at=None if one.closed is None else _end(history, one.closed, False),
            direction=_direction(one),
            observed=size.bad / size.evaluated if size.evaluated else float(np.nan_to_num(size.expected)),
            expected=size.expected,
            interval=wilson(size.bad, size.evaluated),
            log_e=one.log_e,
            evaluated=size.evaluated,
            bad=size.bad,
        )


def _end(history: History, window: int, at_start: bool) -> int:
    return history.start + (window if at_start else window + 1) * history.seconds


def _direction(one: Incident) -> Direction:
    return "up" if one.up else "down"
