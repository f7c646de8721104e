"""What all dashboards share: clock, refresh, variables, annotations and the way to the other dashboards."""

from collections.abc import Iterable

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from alerts.dashboards import links, variables
from alerts.dashboards.limits import Rules

TAG = "vigil"


def frame(
    uid: str,
    title: str,
    description: str,
    chosen: Iterable[variables.Variable],
    annotations: Iterable[AnnotationQuery],
    *,
    since: str = "now-3h",
) -> Dashboard:
    """A dashboard without panels yet. Times are UTC, as in every incident."""
    others = DashboardLink("Vigil").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True).include_vars(True)
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("utc")
        .time(since, "now")
        .refresh("30s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables([*variables.sources(), *chosen])
        .annotations(list(annotations))
        .link(others)
    )


def with_panels(board: Dashboard, *panels: Builder[model.Panel]) -> Dashboard:
    """The dashboard, with these panels in their order."""
    for panel in panels:
        board = board.with_panel(panel)
    return board


def with_runbooks(board: Dashboard, rules: Rules) -> Dashboard:
    """The dashboard, with the runbook of each alert on a KPI in its head: there the KPI is the reader's choice."""
    for kpi in sorted(rules.runbooks):
        for link in links.runbook(rules, kpi):
            board = board.link(link)
    return board
