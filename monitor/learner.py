"""Learns baselines beside the scoring, in a thread of its own, and keeps them in the store."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from detectors.baseline import cold
from detectors.knowledge import Knowledge
from detectors.rolling import learn_all
from detectors.schedule import HISTORY
from monitor.columns import SCORED
from monitor.history import read_columns
from monitor.store.baselines import Learner, insert_knowledge, read_knowledge

log = logging.getLogger("vigil.learning")
Baselines = Mapping[str, Knowledge]
"""KPI to what was learned of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A moment, and where learning begins at the earliest; Unix seconds."""

    at: int
    first: int


_Key = tuple[str, Asked]


def learn_feature(client: Client, by: Learner, feature: str, asked: Asked) -> Baselines:
    """Learn all KPIs of a feature from what was stored before a moment, and store that. Blocking, a second or so.

    A history that breaks the learning leaves this feature WARMING until the next moment, and all others as they are.
    """
    start = max(asked.at - HISTORY, asked.first)
    [(_, columns)] = read_columns(client, [feature], start, asked.at, {feature: asked.first})
    try:
        learned = dict(zip(SCORED, learn_all(columns, asked.at, by.budget), strict=True))
    except (ArithmeticError, ValueError, IndexError):
        log.exception("nothing could be learned of %s; it is not scored until it learns again", feature)
        return dict.fromkeys(SCORED, Knowledge(cold(0, columns.seconds)))
    insert_knowledge(client, by, feature, asked.at, learned)
    return learned


class Library:
    """The baselines of features at moments: from the store, or learned when asked for the first time.

    `connect` opens a client for the thread that learns.
    """

    def __init__(self, by: Learner, connect: Callable[[], Client]) -> None:
        self._by = by
        self._connect = connect
        self._pool = ThreadPoolExecutor(1, "learning")
        self._learning: dict[_Key, Future[Baselines]] = {}
        self._client: Client | None = None

    def order(self, feature: str, asked: Asked) -> None:
        """Begin to learn, unless it is being done."""
        if (feature, asked) not in self._learning:
            self._learning[feature, asked] = self._pool.submit(self._learn, feature, asked)

    def get(self, client: Client, asked: Mapping[str, Asked], seconds: float = 0.0) -> dict[str, Baselines]:
        """What is known of these features at these moments. What was never learned is ordered, and waited for so long.

        Blocking. Raises what the learning raised; it may be asked for again.
        """
        idle = {name: one.at for name, one in asked.items() if (name, one) not in self._learning}
        found = read_knowledge(client, self._by, idle, SCORED)
        for name in idle.keys() - found.keys():
            self.order(name, asked[name])
        ordered = {name: self._learning[name, asked[name]] for name in asked.keys() - found.keys()}
        done, _ = wait(ordered.values(), timeout=seconds)
        for name, future in ordered.items():
            if future in done:
                del self._learning[name, asked[name]]
                found[name] = future.result()
        return found

    def close(self) -> None:
        """Learn no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _learn(self, feature: str, asked: Asked) -> Baselines:
        if self._client is None:
            self._client = self._connect()
        return learn_feature(self._client, self._by, feature, asked)
