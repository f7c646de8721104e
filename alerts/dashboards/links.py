"""Where a reader goes next: another dashboard, a runbook, the SQL itself."""

import json
import re
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DynamicConfigValue

from alerts.dashboards.limits import Rules
from alerts.dashboards.sources import CLICKHOUSE_TYPE

Link = Builder[model.DashboardLink]

FLEET, FEATURE, DETECTION, INCIDENT, PIPELINE = (
    f"vigil-{name}" for name in ("fleet", "feature", "detection", "incident", "pipeline")
)
"""Fixed uids: an alert may link to them."""

ROW_FEATURE = "${__data.fields.feature}"
SERIES_FEATURE = "${__field.labels.feature}"
"""The feature of a table's row, and of a series."""


def to(uid: str, title: str, **variables: str) -> Link:
    """A link to a dashboard at the same time range, with these variables set."""
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return DashboardLink(title).type(DashboardLinkType.LINK).url(f"/d/{uid}?${{__url_time_range}}{chosen}")


def runbook(rules: Rules, kpi: str) -> list[Link]:
    """To the runbook of the alert on a KPI; nothing when no alert names it."""
    if kpi not in rules.runbooks:
        return []
    alert, address = rules.runbooks[kpi]
    return [_outside(f"Runbook {alert}", address).tooltip(f"for {kpi}")]


def of_alert(rules: Rules, alert: str) -> list[Link]:
    """To the runbook of an alert. KeyError when no rule has this name."""
    return [_outside(f"Runbook {alert}", rules.addresses[alert])]


def ask(title: str, sql: str) -> Link:
    """To Grafana's Explore with this SQL in its editor, ready to be changed."""
    query = {
        "refId": "A",
        "datasource": {"type": CLICKHOUSE_TYPE, "uid": "${clickhouse}"},
        "editorType": "sql",
        "queryType": "table",
        "format": 1,
        "rawSql": sql,
    }
    pane = {"datasource": "${clickhouse}", "queries": [query], "range": {"from": "${__from}", "to": "${__to}"}}
    address = quote(json.dumps({"vigil": pane}, separators=(",", ":")), safe="")
    # Grafana fills in variables before the browser decodes the address, so they must not be encoded.
    readable = re.sub(r"%24%7B(\w+(?:%3A\w+)?)%7D", lambda found: f"${{{found[1].replace('%3A', ':')}}}", address)
    return _outside(title, f"/explore?schemaVersion=1&panes={readable}")


def cell(*links: Link) -> DynamicConfigValue:
    """The same as a link on a table's column."""
    built = [link.build() for link in links]
    return DynamicConfigValue("links", [{"title": link.title, "url": link.url} for link in built])


def _outside(title: str, address: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(address).target_blank(True)
