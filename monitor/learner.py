"""Learns baselines beside the scoring, in a thread of its own, and keeps them in the store."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from detectors.baseline import cold
from detectors.knowledge import Knowledge
from detectors.rolling import learn_some
from detectors.schedule import HISTORY
from monitor.columns import SCORED
from monitor.history import read_columns
from monitor.pool_history import read_pool_to_learn
from monitor.pool_windows import learn_pool
from monitor.store.baselines import insert_knowledge, read_knowledge
from monitor.terms import Terms
from monitor.windows import WINDOW_SECONDS
from schemas.pools import is_pool

log = logging.getLogger("vigil.learning")
Baselines = Mapping[str, Knowledge]
"""KPI to what was learned of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A moment, and where learning begins at the earliest; Unix seconds."""

    at: int
    first: int


_Key = tuple[Terms, str, Asked]
_Learning = Callable[[Mapping[int, float]], dict[int, Knowledge]]
"""From the budgets of KPIs, by place among SCORED, to what is known of them."""


def learn_feature(client: Client, by: Terms, feature: str, asked: Asked) -> Baselines:
    """Learn the KPIs of a feature, or of a pool, that nobody has learned by these terms from what was stored before a
    moment, and store them. Blocking, a second or so.

    A history that breaks the learning leaves this feature WARMING until the next moment, and all others as they are.
    """
    known = read_knowledge(client, by, {feature: asked.at}).get(feature, {})
    missing = {place: by.budgets[place] for place, kpi in enumerate(SCORED) if kpi not in known}
    start = max(asked.at - HISTORY, asked.first)
    learn = _from_pool if is_pool(feature) else _from_feature
    learning = learn(client, by, feature, start, asked)
    try:
        learned = {SCORED[place]: one for place, one in learning(missing).items()}
    except (ArithmeticError, ValueError, IndexError):
        log.exception("nothing could be learned of %s; it is not scored until it learns again", feature)
        return dict.fromkeys(SCORED, Knowledge(cold(0, WINDOW_SECONDS)))
    insert_knowledge(client, by, feature, asked.at, learned)
    return known | learned


def _from_feature(client: Client, by: Terms, feature: str, start: int, asked: Asked) -> _Learning:
    [(_, columns)] = read_columns(client, [feature], start, asked.at, {feature: asked.first}, by.floor)
    return lambda budgets: learn_some(columns, asked.at, budgets)


def _from_pool(client: Client, by: Terms, pool: str, start: int, asked: Asked) -> _Learning:
    windows = read_pool_to_learn(client, pool, start, asked.at, by.floor)
    return lambda budgets: learn_pool(windows, budgets)


class Library:
    """The baselines of features at moments: from the store, or learned when asked for the first time.

    `connect` opens a client for the thread that learns.
    """

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(1, "learning")
        self._learning: dict[_Key, Future[Baselines]] = {}
        self._client: Client | None = None

    def order(self, by: Terms, feature: str, asked: Asked) -> None:
        """Begin to learn, unless it is being done."""
        if (by, feature, asked) not in self._learning:
            self._learning[by, feature, asked] = self._pool.submit(self._learn, by, feature, asked)

    def get(self, client: Client, by: Terms, asked: Mapping[str, Asked], seconds: float = 0.0) -> dict[str, Baselines]:
        """What is known by these terms of these features at these moments.

        What was never learned is ordered, and waited for so long. Blocking. Raises what the learning raised; it may be
        asked for again.
        """
        idle = {name: one.at for name, one in asked.items() if (by, name, one) not in self._learning}
        stored = read_knowledge(client, by, idle).items()
        found: dict[str, Baselines] = {name: known for name, known in stored if set(SCORED) <= set(known)}
        for name in idle.keys() - found.keys():
            self.order(by, name, asked[name])
        ordered = {name: self._learning[by, name, asked[name]] for name in asked.keys() - found.keys()}
        done, _ = wait(ordered.values(), timeout=seconds)
        for name, future in ordered.items():
            if future in done:
                del self._learning[by, name, asked[name]]
                found[name] = future.result()
        return found

    def forget(self, by: Terms) -> None:
        """Learn no more by these terms."""
        for key in [key for key in self._learning if key[0] == by]:
            self._learning.pop(key).cancel()

    def close(self) -> None:
        """Learn no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _learn(self, by: Terms, feature: str, asked: Asked) -> Baselines:
        if self._client is None:
            self._client = self._connect()
        return learn_feature(self._client, by, feature, asked)
