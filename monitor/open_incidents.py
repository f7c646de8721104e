"""The gauge of open incidents: what pages. One that people have resolved is quiet, though its KPI is not back yet."""

from collections import defaultdict
from collections.abc import Callable, Collection

from prometheus_client import Gauge

from schemas.finding import Incident

_Labels = tuple[str, str, str]
"""Feature, or what stands for it; KPI; direction."""


class OpenIncidents:
    """The incidents that the scorer holds for open, as the gauge shows them: 1 while one of them should page.

    `label` gives a feature's label, which features beyond the cap share.
    """

    def __init__(self, gauge: Gauge, label: Callable[[str], str]) -> None:
        self._gauge = gauge
        self._label = label
        self._open: defaultdict[_Labels, set[str]] = defaultdict(set)
        self._quiet: frozenset[str] = frozenset()

    @property
    def ids(self) -> Collection[str]:
        """Of all that are open, the quiet ones too."""
        return [incident_id for ids in self._open.values() for incident_id in ids]

    def tell(self, incident: Incident) -> None:
        """An incident began, changed or ended."""
        labels = (self._label(incident.feature), incident.kpi, incident.direction)
        ids = self._open[labels]
        (ids.discard if incident.state == "resolved" else ids.add)(incident.incident_id)
        self._show(labels)

    def hush(self, resolved: Collection[str]) -> None:
        """Of these people said that they are resolved; of no others."""
        quiet = frozenset(resolved)
        if quiet == self._quiet:
            return
        self._quiet = quiet
        for labels in self._open:
            self._show(labels)

    def clear(self) -> None:
        """Forget all of them, as when they went to another worker. What people said holds."""
        self._gauge.clear()
        self._open.clear()

    def _show(self, labels: _Labels) -> None:
        self._gauge.labels(*labels).set(1 if self._open[labels] - self._quiet else 0)
