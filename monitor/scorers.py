"""The scorers of a worker, of features and, if there are any, of pools, as one that is as far as the one behind."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from monitor.clock import monotonic
from monitor.findings import Findings
from monitor.learner import Asked
from monitor.scoring import Scorer
from schemas.finding import Incident
from schemas.pools import is_pool, pool_of


class Scorers:
    """Features first, then the pools up to the same window, so that both are told together. `pools` may be None."""

    def __init__(self, features: Scorer, pools: Scorer | None) -> None:
        self.features = features
        self.pools = pools
        self._found = Findings()

    @property
    def until(self) -> int:
        """End of the newest window that both have scored, Unix seconds."""
        return min(one.until for one in self._all())

    @property
    def pools_not_scored(self) -> int:
        """Pools that have no score, because there are too many."""
        return 0 if self.pools is None else self.pools.not_scored

    @property
    def members_left_out(self) -> int:
        """Features that are in no pool's sum, because their pool is full."""
        return 0 if self.pools is None else self.pools.left_out

    def _all(self) -> Iterator[Scorer]:
        yield self.features
        if self.pools is not None:
            yield self.pools

    def take_up(self, client: Client, still_open: Collection[Incident], patience: float) -> Findings:
        """As of a Scorer; `patience`, in seconds, is that of both together. Blocking."""
        until = monotonic() + patience
        found = Findings()
        for one in self._all():
            found.add(one.take_up(client, list(still_open), max(until - monotonic(), 0.0)))
        return found

    def advance(self, client: Client, end: int) -> Findings:
        """As of a Scorer: what one has found is kept while the other fails. Blocking."""
        if self.features.until == self.until:
            self._found.add(self.features.advance(client, end))
        while self.pools is not None and self.pools.until < self.features.until:
            self._found.add(self.pools.advance(client, self.features.until))
        found, self._found = self._found, Findings()
        return found

    def still_open(self) -> Iterator[Incident]:
        """The incidents of both that are open."""
        for one in self._all():
            yield from one.incidents.open.values()

    def baselines(self) -> dict[str, Asked]:
        """By which each feature and each pool is scored."""
        return {name: asked for one in self._all() for name, asked in one.baselines().items()}


def ended_without(dimensions: Collection[str], still_open: Iterable[Incident], until: int) -> list[Incident]:
    """Incidents of pools by other dimensions than these: nobody scores them any more, so they end, Unix seconds."""
    orphans = (one for one in still_open if is_pool(one.feature) and pool_of(one.feature)[0] not in dimensions)
    at = datetime.fromtimestamp(until, UTC)
    return [one.model_copy(update={"state": "resolved", "resolved_at": at}) for one in orphans]
