"""From one policy to the next: what must be learned for it is learned while the old one goes on scoring."""

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from monitor.learner import Asked, Library
from monitor.terms import Terms


class Succession:
    """Terms that are to follow, and the baselines that they need to know as much as those before them."""

    def __init__(self, library: Library, by: Terms, wanted: Mapping[str, Asked]) -> None:
        self.by = by
        self._library = library
        self._waiting = dict(wanted)

    def ready(self, client: Client) -> bool:
        """Whether all is learned; what is not is being learned. Blocking."""
        known = self._library.get(client, self.by, self._waiting)
        self._waiting = {name: one for name, one in self._waiting.items() if name not in known}
        return not self._waiting
