"""The monitor itself: does what arrives get counted, stored and scored in time."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import colours, events, links, numbers, panels
from alerts.dashboards.frame import frame
from alerts.dashboards.limits import REFUSED, SCORER, WATERMARK, Rules, limit
from alerts.dashboards.probes import probes
from alerts.dashboards.process import process
from alerts.dashboards.sources import instant_query, range_query, sql_table, table_query

_NEVER = 1e9
"""Seconds: a worker that has scored nothing yet reads as old as the epoch, and would flatten the chart."""

_AUDIT = """
SELECT topic, partition, ranges, first, last, claimed, expected, gap
FROM offset_audit
ORDER BY abs(gap) DESC, topic, partition
LIMIT 200"""

_WATERMARKS = """
SELECT topic, partition, watermark, dateDiff('second', watermark, now()) AS age, offset_to, written_at
FROM watermarks
ORDER BY watermark, topic, partition
LIMIT 200"""


def build(rules: Rules) -> Dashboard:
    """The dashboard. It asks whether the monitor can be believed, so no KPI stands here."""
    board = frame(
        links.PIPELINE,
        "Vigil: pipeline",
        "Can the monitor be believed? What it read, refused, stored and scored, and how far behind it is.",
        [],
        [events.changes("what IN ('policy', 'guardrail')")],
    )
    board = _intake(_numbers(board, rules), rules)
    return _details(process(probes(_scorer(_store(board, rules), rules))))


def _numbers(board: Dashboard, rules: Rules) -> Dashboard:
    return (
        board.with_panel(
            panels.number(
                "Workers that answer",
                "Targets of the job that Prometheus could scrape.",
                instant_query('sum(up{job="vigil"})'),
                judged=colours.bad_below(1),
            )
        )
        .with_panel(
            panels.number(
                "Offset audit",
                "Partitions whose claimed offsets have a gap or an overlap. Anything but 0: results are not exact.",
                instant_query("sum(vigil_offset_audit_errors)"),
                judged=colours.bad_from(1),
            )
        )
        .with_panel(
            panels.number(
                "Oldest watermark",
                "Age of the event time up to which the slowest partition is complete.",
                instant_query("time() - min(vigil_watermark_timestamp_seconds > 0)"),
                unit="s",
                judged=colours.bad_from(limit(rules, *WATERMARK)),
            )
        )
        .with_panel(panels.number("Records behind", "Over all partitions.", instant_query("sum(vigil_lag_records)")))
        .with_panel(numbers.scored_until(rules))
        .with_panel(
            panels.number(
                "Last write",
                "Age of the newest write of the worker that wrote longest ago.",
                instant_query("time() - min(vigil_last_insert_timestamp_seconds > 0)"),
                unit="s",
            )
        )
    )


def _rate(title: str, meaning: str, metric: str, by: str, unit: str = "cps") -> timeseries.Panel:
    expr = f"sum by ({by}) (rate({metric}[$__rate_interval]))" if by else f"sum(rate({metric}[$__rate_interval]))"
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", ")) if by else "all"
    return panels.series(title, meaning, [range_query(expr, legend)], unit=unit)


def _intake(board: Dashboard, rules: Rules) -> Dashboard:
    return (
        board.with_row(Row("What came in, and what was refused"))
        .with_panel(_rate("Records read a second", "By topic.", "vigil_records_total", "topic"))
        .with_panel(
            _rate(
                "Dead letters a second",
                "Records that break the contract, by reason; on the dead-letter topic, pointers only.",
                "vigil_dead_letters_total",
                "topic, reason",
            )
        )
        .with_panel(
            panels.series(
                "Dead letters of records",
                "In 15 minutes, by topic.",
                [range_query(REFUSED[0], "{{topic}}")],
                judged=colours.bad_from(limit(rules, *REFUSED)),
            ).links(links.of_alert(rules, "VigilDeadLetterRatioHigh"))
        )
        .with_panel(_rate("Duplicates a second", "Dropped, by topic.", "vigil_duplicates_total", "topic"))
        .with_panel(_rate("Late events a second", "After their window closed.", "vigil_late_events_total", "feature"))
        .with_panel(
            _rate(
                "Offsets skipped a second",
                "Kafka had no record there: expired, compacted, or transaction markers.",
                "vigil_offsets_skipped_total",
                "topic",
            )
        )
    )


def _store(board: Dashboard, rules: Rules) -> Dashboard:
    buckets = "sum by (le) (rate(vigil_insert_duration_seconds_bucket[$__rate_interval]))"
    took = [
        range_query(f"histogram_quantile({share}, {buckets})", f"{share:.0%}", name)
        for share, name in ((0.5, "A"), (0.95, "B"), (0.99, "C"))
    ]
    return (
        board.with_row(Row("Is it stored, and how far behind?"))
        .with_panel(
            panels.series(
                "Age of the watermark",
                "By partition; red from where the alert fires.",
                [range_query(WATERMARK[0], "{{topic}} {{partition}}")],
                unit="s",
                judged=colours.bad_from(limit(rules, *WATERMARK)),
            ).links(links.of_alert(rules, "VigilWatermarkStale"))
        )
        .with_panel(
            panels.series(
                "Records behind Kafka's end",
                "At the last fetch, by partition.",
                [range_query("vigil_lag_records", "{{topic}} {{partition}}")],
                unit="short",
            )
        )
        .with_panel(panels.series("Time of one write", "Half, 95 % and 99 % are faster.", took, unit="s"))
        .with_panel(
            _rate("Failed writes a second", "Refused or not answered; tried again.", "vigil_insert_failures_total", "")
        )
        .with_panel(panels.rows("Offset audit", "gap must be 0.", sql_table(_AUDIT), width=8))
        .with_panel(panels.rows("Watermarks as stored", "age in seconds.", sql_table(_WATERMARKS), width=8))
    )


def _scorer(board: Dashboard, rules: Rules) -> Dashboard:
    return (
        board.with_row(Row("Is it scored?"))
        .with_panel(
            panels.series(
                "Age of the newest scored window",
                "By worker; red from where the alert fires.",
                [range_query(f"({SCORER[0]}) < {_NEVER:g}", "{{instance}}")],
                unit="s",
                judged=colours.bad_from(limit(rules, *SCORER)),
            ).links(links.of_alert(rules, "VigilScorerStale"))
        )
        .with_panel(
            panels.series(
                "Features without a score",
                "Too many for their worker: VIGIL_SCORED_FEATURES. Pools, and features in each, have a fixed number.",
                [
                    range_query("sum(vigil_features_not_scored)", "features"),
                    range_query("sum(vigil_pools_not_scored)", "pools"),
                    range_query("sum(vigil_pool_members_left_out)", "features that are in no pool"),
                ],
                unit="short",
            )
        )
        .with_panel(
            _rate(
                "Dimension values capped a second",
                "Counted as other: VIGIL_SLICE_VALUES.",
                "vigil_slices_capped_total",
                "dimension",
            )
        )
    )


def _details(board: Dashboard) -> Dashboard:
    return (
        board.with_row(Row("OpenTelemetry, and what is running"))
        .with_panel(
            _rate(
                "Content attributes dropped a second",
                "Unread. More than 0: a producer sends content.",
                "vigil_otlp_content_dropped_total",
                "attribute",
            )
        )
        .with_panel(
            _rate(
                "Spans and logs not counted a second",
                "No interaction and no verdict.",
                "vigil_otlp_items_not_counted_total",
                "kind",
            )
        )
        .with_panel(
            _rate(
                "Unknown finish reasons a second",
                "The alias table lacks them, so the outcome is UNKNOWN.",
                "vigil_otlp_unknown_finish_reasons_total",
                "",
            )
        )
        .with_panel(panels.rows("What is running", "By worker.", table_query("vigil_build_info"), width=8, height=5))
        .with_panel(
            panels.rows(
                "The policy in force",
                "By worker. Several versions: not every worker has read the new one yet, or one refuses it.",
                table_query("vigil_policy_info"),
                width=8,
                height=5,
            )
        )
        .with_panel(
            panels.number(
                "A good policy was read",
                "Age of it, of the worker that read one longest ago.",
                instant_query("time() - min(vigil_policy_last_reload_success_timestamp_seconds > 0)"),
                unit="s",
                width=8,
            )
        )
    )
