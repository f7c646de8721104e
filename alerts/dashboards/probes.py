"""Known-bad interactions: do they come through, and do the filters catch them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import panels
from alerts.dashboards.sources import instant_query, range_query
from schemas.probes import PROBE_FEATURE


def probes(board: Dashboard) -> Dashboard:
    """The board with a row of them. Where nobody sends any there is nothing to know."""
    ours = f'vigil_probe_last_timestamp_seconds{{feature="{PROBE_FEATURE}"}}'
    return (
        board.with_row(Row("What was sent on purpose, and what others are told"))
        .with_panel(
            panels.number(
                "Newest probe",
                "Age of the newest interaction of `vigil probe` that came through. UNKNOWN: none is sent, or comes.",
                instant_query(f"time() - max({ours})"),
                unit="s",
                width=8,
            )
        )
        .with_panel(
            panels.series(
                "False negatives of the filters",
                "Missed over looked at in an hour, of interactions known to be bad. No line: most were not looked at.",
                [range_query("feature:vigil_filter_false_negative_rate:ratio_rate1h", "{{feature}}")],
            )
        )
        .with_panel(
            panels.series(
                "Probes a second",
                "By what the filters made of them.",
                [
                    range_query(
                        "sum by (feature, outcome) (rate(vigil_probes_total[$__rate_interval]))",
                        "{{feature}} {{outcome}}",
                    )
                ],
                unit="cps",
            )
        )
        .with_panel(
            panels.series(
                "Changes told to PagerDuty",
                "In a day. Failed ones are tried again; refused and expired ones are not on its timeline.",
                [range_query("sum by (result) (increase(vigil_change_events_total[1d]))", "{{result}}")],
                unit="short",
            )
        )
    )
