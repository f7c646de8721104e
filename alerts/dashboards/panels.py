"""The kinds of panels: a number, series, a coverage strip, a timeline of states, a table, a text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue
from grafana_foundation_sdk.models.text import TextMode

from alerts.dashboards import colours
from alerts.dashboards.known import Floors, on_a_step
from alerts.dashboards.sources import CLICKHOUSE, PROMETHEUS, Query, SqlQuery

NOTHING = "UNKNOWN"
"""What a number says when the query has no rows."""

WINDOW = "10s"
"""The length of a window, the shortest step of a series from the store."""
PERCENT = 100
"""Steps of the completeness strip."""

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, statetimeline.Panel, table.Panel)


def number(
    title: str,
    meaning: str,
    query: Query,
    *,
    unit: str = "short",
    judged: ThresholdsConfig | None = None,
    width: int = 4,
) -> stat.Panel:
    """One number, its background the judgement. `width` is in the grid's columns, of which 24 fill a line."""
    return (
        _common(stat.Panel(), title, meaning, [query])
        .span(width)
        .height(4)
        .unit(unit)
        .thresholds(judged or colours.plain())
        .mappings([colours.nothing_is_unknown()])
        .color_mode(BigValueColorMode.BACKGROUND if judged else BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


def not_judged(panel: stat.Panel, query: Query) -> stat.Panel:
    """The number, with a further query `B` whose value has the colour of what is known, however large it is."""
    plain = {"mode": "absolute", "steps": [{"color": colours.KNOWN, "value": None}]}
    return panel.with_target(query).override_by_query("B", [DynamicConfigValue("thresholds", plain)])


def words(title: str, meaning: str, query: Query, *, width: int = 4) -> stat.Panel:
    """What the single row of a query says, a word or several, as they are."""
    return (
        _common(stat.Panel(), title, meaning, [query])
        .span(width)
        .height(4)
        .thresholds(colours.plain())
        .mappings(colours.word_mappings())
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/"))
    )


def series(
    title: str,
    meaning: str,
    queries: Sequence[Query],
    *,
    unit: str = "percentunit",
    judged: ThresholdsConfig | None = None,
    width: int = 8,
) -> timeseries.Panel:
    """Series over time. A gap stays a gap."""
    panel = (
        _common(timeseries.Panel(), title, meaning, queries)
        .span(width)
        .height(8)
        .unit(unit)
        .axis_soft_min(0)
        .line_width(2)
        .fill_opacity(0)
        .line_interpolation(LineInterpolation.STEP_AFTER)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(False)
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(_legend())
    )
    if _source(queries) is CLICKHOUSE:
        panel = panel.interval(WINDOW)  # closer up there is nothing to see
    if judged:
        style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(judged).thresholds_style(style)
    return panel


def line(panel: timeseries.Panel, name: str, colour: str) -> timeseries.Panel:
    """The panel, with the series whose names begin so as thin dashed lines."""
    properties = [
        DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour}),
        DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
        DynamicConfigValue("custom.lineWidth", 1),
    ]
    return panel.override_by_regexp(f"/^{name}/", properties)


def coverage_strip(
    title: str, floors: Floors, kpis: Iterable[str], query: Query, *, height: int = 5
) -> statetimeline.Panel:
    """How much of each KPI was evaluated: the share while it is known, UNKNOWN below its floor. For a row's top.

    The query compares with the floors, so what it shows from 0 on is known.
    """
    least = ", ".join(f"{floor:g}" for floor in sorted({floors[kpi] for kpi in kpis}))
    meaning = (
        f"Evaluated over expected, rounded down to 5 %. Below its floor ({least}) a KPI is UNKNOWN and its rate is "
        "withheld underneath: an empty chart under a purple strip is not a 0."
    )
    return (
        _timeline(title, meaning, query, height=height)
        .unit("percentunit")
        .decimals(0)
        .mappings(colours.coverage_mappings(0, "no score"))
    )


def completeness_strip(title: str, least: float, query: Query) -> statetimeline.Panel:
    """Arrived over expected interactions. Below the alert's limit, and without heartbeats, UNKNOWN."""
    meaning = (
        f"Arrived over what emitters say they had. Below {least:.0%} an alert fires and every KPI of the feature is "
        "UNKNOWN. No heartbeat at all is UNKNOWN too: silence and no traffic look alike."
    )
    return (
        _timeline(title, meaning, query, height=5)
        .unit("percentunit")
        .decimals(0)
        .mappings(colours.coverage_mappings(on_a_step(least, PERCENT), "no heartbeat"))
    )


def states(title: str, meaning: str, query: Query, *, height: int = 8) -> statetimeline.Panel:
    """The scorer's states over time, from their numbers."""
    return _timeline(title, meaning, query, height=height).mappings(colours.state_mappings())


def rows(
    title: str,
    meaning: str,
    query: Query,
    *,
    width: int = 24,
    height: int = 8,
    columns: Mapping[str, Sequence[DynamicConfigValue]] | None = None,
) -> table.Panel:
    """A table; `columns` gives a column's unit or links by its name."""
    panel = (
        _common(table.Panel(), title, meaning, [query])
        .span(width)
        .height(height)
        .thresholds(colours.plain())
        .mappings(colours.word_mappings())
        .filterable(True)
    )
    for name, properties in (columns or {}).items():
        panel = panel.override_by_name(name, list(properties))
    return panel


def unit(name: str) -> DynamicConfigValue:
    """The unit of a table's column."""
    return DynamicConfigValue("unit", name)


def coloured() -> DynamicConfigValue:
    """A table's column whose words colour the cell."""
    return DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})


def words_of(content: str, *, width: int = 24, height: int = 3) -> text.Panel:
    """Markdown."""
    return text.Panel().title("").mode(TextMode.MARKDOWN).content(content).span(width).height(height).transparent(True)


def _timeline(title: str, meaning: str, query: Query, *, height: int) -> statetimeline.Panel:
    return (
        _common(statetimeline.Panel(), title, meaning, [query])
        .span(24)
        .height(height)
        .thresholds(colours.plain())
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.85)
        .fill_opacity(85)
        .line_width(0)
        .legend(_legend().show_legend(False))
    )


def _common(panel: _Panel, title: str, meaning: str, queries: Sequence[Query]) -> _Panel:
    return panel.title(title).description(meaning).targets(list(queries)).datasource(_source(queries)).no_value(NOTHING)


def _source(queries: Sequence[Query]) -> DataSourceRef:
    return CLICKHOUSE if isinstance(queries[0].build(), SqlQuery) else PROMETHEUS


def _legend() -> VizLegendOptions:
    return VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
