"""Learns baselines beside the scoring, in a thread of its own, and keeps them in the store."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

from clickhouse_connect.driver.client import Client

from detectors.baseline import Baseline
from detectors.rolling import learn_all
from detectors.schedule import HISTORY
from monitor.columns import SCORED
from monitor.history import read_columns
from monitor.store.baselines import Learner, insert_baselines, read_baselines

Baselines = Mapping[str, Baseline]
"""KPI to what was learned of it."""
_Key = tuple[str, int]
"""Feature, and the moment in Unix seconds."""


def learn_feature(client: Client, by: Learner, feature: str, at: int) -> Baselines:
    """Learn all KPIs of a feature from what was stored before `at`, and store that. Blocking, a second or so."""
    [(_, columns)] = read_columns(client, [feature], at - HISTORY, at)
    learned = dict(zip(SCORED, learn_all(columns, at, by.budget), strict=True))
    insert_baselines(client, by, feature, at, learned)
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

    def order(self, feature: str, at: int) -> None:
        """Begin to learn, unless it is being done."""
        if (feature, at) not in self._learning:
            self._learning[feature, at] = self._pool.submit(self._learn, feature, at)

    def get(self, client: Client, moments: Mapping[str, int], seconds: float = 0.0) -> dict[str, Baselines]:
        """What is known of these features at these moments. What was never learned is ordered, and waited for so long.

        Blocking. Raises what the learning raised; it may be asked for again.
        """
        asked = {feature: (feature, at) for feature, at in moments.items()}
        found = read_baselines(
            client, self._by, {name: at for name, at in moments.items() if (name, at) not in self._learning}, SCORED
        )
        for feature in asked.keys() - found.keys():
            self.order(feature, moments[feature])
        ordered = {feature: self._learning[key] for feature, key in asked.items() if key in self._learning}
        done, _ = wait(ordered.values(), timeout=seconds)
        for feature, future in ordered.items():
            if future in done:
                del self._learning[asked[feature]]
                found[feature] = future.result()
        return found

    def close(self) -> None:
        """Learn no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _learn(self, feature: str, at: int) -> Baselines:
        if self._client is None:
            self._client = self._connect()
        return learn_feature(self._client, self._by, feature, at)
