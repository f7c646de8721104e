"""The two data sources, and a query of each kind."""

from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS_TYPE = "prometheus"
CLICKHOUSE_TYPE = "grafana-clickhouse-datasource"
PROMETHEUS_UID = "vigil-prometheus"
CLICKHOUSE_UID = "vigil-clickhouse"
"""The uids that `provisioning/datasources` gives them, and the dashboards' first choice."""

PROMETHEUS = DataSourceRef(type_val=PROMETHEUS_TYPE, uid="${prometheus}")
CLICKHOUSE = DataSourceRef(type_val=CLICKHOUSE_TYPE, uid="${clickhouse}")

Query = Builder[Dataquery]


class SqlQuery(Dataquery):
    """A query of Grafana's ClickHouse data source; the SDK has none."""

    def __init__(self, text: str, ref_id: str, series: bool) -> None:
        self.text = text
        self.ref_id = ref_id
        self.series = series

    def to_json(self) -> dict[str, object]:
        """The fields that version 4 of the data source reads."""
        return {
            "refId": self.ref_id,
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "queryType": "timeseries" if self.series else "table",
            "format": 0 if self.series else 1,
            "rawSql": self.text,
        }


class _Sql(Builder[Dataquery]):
    def __init__(self, text: str, ref_id: str, series: bool) -> None:
        self._query = SqlQuery(text, ref_id, series)

    def build(self) -> Dataquery:
        return self._query


def range_query(expr: str, legend: str = "", ref_id: str = "A") -> Query:
    """PromQL over the time range; `legend` may name labels: `{{feature}}`."""
    query = PrometheusQuery().expr(expr).ref_id(ref_id).datasource(PROMETHEUS).range()
    return query.legend_format(legend) if legend else query


def instant_query(expr: str, legend: str = "", ref_id: str = "A") -> Query:
    """PromQL at the end of the time range: one number a series."""
    query = PrometheusQuery().expr(expr).ref_id(ref_id).datasource(PROMETHEUS).instant()
    return query.legend_format(legend) if legend else query


def table_query(expr: str, ref_id: str = "A") -> Query:
    """PromQL at the end of the time range, as rows with a column for each label."""
    query = PrometheusQuery().expr(expr).ref_id(ref_id).datasource(PROMETHEUS).instant()
    return query.format(PromQueryFormat.TABLE)


def sql_table(text: str, ref_id: str = "A") -> Query:
    """SQL whose rows are shown as they are."""
    return _Sql(text.strip(), ref_id, series=False)


def sql_series(text: str, ref_id: str = "A") -> Query:
    """SQL with a column `time` in order; texts are labels, numbers are series, NULL is a gap."""
    return _Sql(text.strip(), ref_id, series=True)
