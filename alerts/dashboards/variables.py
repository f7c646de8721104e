"""What a reader chooses at the top: data sources, a feature, a KPI, an incident. Every list is bounded."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from alerts.dashboards.known import EVER_SEEN
from alerts.dashboards.sources import (
    CLICKHOUSE,
    CLICKHOUSE_TYPE,
    CLICKHOUSE_UID,
    PROMETHEUS,
    PROMETHEUS_TYPE,
    PROMETHEUS_UID,
)
from schemas.kpis import KPIS

Variable = Builder[VariableModel]

ONE_FEATURE = 'feature="$feature"'
"""The matcher of the chosen feature in PromQL."""
FEATURE_AND_KPI = "feature = ${feature:singlequote} AND kpi = ${kpi:singlequote}"
"""The condition of the chosen feature and KPI in SQL."""


def sources() -> list[Variable]:
    """Which Prometheus and which ClickHouse: the provisioned ones, unless told otherwise."""
    return [
        DatasourceVariable("prometheus")
        .label("Prometheus")
        .type(PROMETHEUS_TYPE)
        .current(VariableOption(text="Vigil Prometheus", value=PROMETHEUS_UID)),
        DatasourceVariable("clickhouse")
        .label("ClickHouse")
        .type(CLICKHOUSE_TYPE)
        .current(VariableOption(text="Vigil ClickHouse", value=CLICKHOUSE_UID)),
    ]


def feature() -> Variable:
    """One feature, of those that ever sent or beat; VIGIL_FEATURES bounds the list."""
    query = f"label_values({EVER_SEEN}, feature)"
    return (
        QueryVariable("feature")
        .label("Feature")
        .datasource(PROMETHEUS)
        .query({"query": query, "refId": "feature"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def kpi() -> Variable:
    """One KPI of the catalogue."""
    names = [kpi.name for kpi in KPIS]
    first = names[0]
    return (
        CustomVariable("kpi")
        .label("KPI")
        .values(",".join(names))
        .options([VariableOption(selected=name == first, text=name, value=name) for name in names])
        .current(VariableOption(selected=True, text=first, value=first))
    )


def incident() -> Variable:
    """One incident, the newest first; at most 200."""
    return _from_sql(
        "incident",
        """
SELECT
    incident_id AS value,
    concat(formatDateTime(onset, '%F %T', 'UTC'), ' ', feature, ' ', kpi, ' ', state) AS label
FROM incident_list
ORDER BY onset DESC
LIMIT 200""",
    ).label("Incident")


def of_incident(name: str, expression: str) -> Variable:
    """An aggregate over the chosen incident that the reader does not see: without an incident it has a value too."""
    text = f"SELECT {expression} AS value FROM incident_list WHERE incident_id = ${{incident:singlequote}}"  # noqa: S608  # our own words
    return _from_sql(name, text).hide(VariableHide.HIDE_VARIABLE)


def _from_sql(name: str, text: str) -> QueryVariable:
    text = text.strip()
    return (
        QueryVariable(name)
        .datasource(CLICKHOUSE)
        .query({"refId": name, "queryType": "sql", "rawSql": text})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
