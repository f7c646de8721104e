"""What Grafana would do with a built dashboard before it asks: find the queries, fill in variables and macros."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.dashboards.build import DASHBOARDS
from alerts.dashboards.sources import CLICKHOUSE_TYPE
from monitor.policy import SHIPPED_POLICY

FOLDER = SHIPPED_POLICY.parent / "dashboards" / "built"
SOURCES = {"prometheus": "vigil-prometheus", "clickhouse": "vigil-clickhouse"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: where it stands, and what is asked. `ranged` asks over the time range."""

    where: str
    text: str
    ranged: bool = False

    def __str__(self) -> str:
        return self.where


def dashboard(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


def panels(name: str) -> list[dict[str, Any]]:
    """Every panel but the rows' titles."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def _targets(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in panels(name):
        for target in panel["targets"]:
            yield f"{name}: {panel['title']} ({target['refId']})", target
    for annotation in dashboard(name)["annotations"]["list"]:
        yield f"{name}: annotation {annotation['name']}", annotation["target"]


def promql() -> list[Asked]:
    """Every PromQL of every dashboard."""
    return [
        Asked(where, target["expr"], ranged=target["range"])
        for name in DASHBOARDS
        for where, target in _targets(name)
        if "expr" in target
    ]


def sql() -> list[Asked]:
    """Every SQL of every dashboard: panels, annotations, variables, and what the links put into Explore."""
    found = [
        Asked(where, target["rawSql"]) for name in DASHBOARDS for where, target in _targets(name) if "rawSql" in target
    ]
    for name in DASHBOARDS:
        for variable in dashboard(name)["templating"]["list"]:
            if variable.get("datasource", {}).get("type") == CLICKHOUSE_TYPE:
                found.append(Asked(f"{name}: variable {variable['name']}", variable["query"]["rawSql"]))
    return found


_MACROS = {
    r"\$__timeFilter\(([^)]+)\)": r"\1 >= toDateTime({begin}) AND \1 <= toDateTime({end})",
    r"\$__timeInterval\(([^)]+)\)": r"toStartOfInterval(toDateTime(\1), INTERVAL 30 second)",
    r"\$__fromTime": "toDateTime({begin})",
    r"\$__toTime": "toDateTime({end})",
    r"\$__rate_interval": "1m",
}
"""As the ClickHouse data source and Prometheus' write them out."""


def filled(text: str, values: Mapping[str, str], begin: int = 0, end: int = 0) -> str:
    """The query as it is sent; begin and end in Unix seconds. Fails when something is left to fill in."""
    for pattern, meaning in _MACROS.items():
        text = re.sub(pattern, meaning.format(begin=begin, end=end), text)
    text = re.sub(r"\$\{(\w+):singlequote\}", lambda found: _quoted(values[found[1]]), text)
    text = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda found: values[found[1] or found[2]], text)
    assert "$" not in text, text
    return text


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "\\'") + "'"
