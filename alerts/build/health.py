"""Who watches the monitor: its workers, its lag, its store, its scorer, and the way a page takes."""

from collections.abc import Iterator

from alerts.build.rule import Alert, Rule, group, rule
from alerts.policy import Policy

_TELEMETRY = '"ai[.]telemetry.*"'
"""The topics whose records are counted."""


def health_groups(policy: Policy) -> list[Rule]:
    """The monitor's own alerts."""
    alerts = [*_reading(), *_lagging(), *_storing(), *_scoring()]
    return [group("vigil-health", [rule(alert, policy, "pipeline") for alert in alerts])]


def watchdog_groups(policy: Policy) -> list[Rule]:
    """Always fires. What watches for its absence must live somewhere else: it proves the whole way out."""
    watchdog = Alert(
        name="Watchdog",
        expr="vector(1)",
        severity="none",
        summary="The alerting pipeline works",
        description="This alert always fires. When it stops, nothing else can page either.",
        query="is_the_monitor_whole",
    )
    return [group("vigil-watchdog", [rule(watchdog, policy, "pipeline")])]


def _reading() -> Iterator[Alert]:
    yield Alert(
        name="VigilWorkersAbsent",
        # A gauge that every worker shows from its start. 90 s: before each feature is called silent, which this mutes.
        expr="absent(vigil_last_insert_timestamp_seconds)",
        wait="90s",
        # Workers that come back read what has waited; until then each feature is as silent as before.
        keep="3m",
        severity="critical",
        summary="No Vigil worker can be scraped, so no AI feature is watched",
        description="Prometheus sees no worker: none runs, or none can be reached.",
        query="is_the_monitor_whole",
    )
    yield Alert(
        name="VigilIntakeStopped",
        # Where Kafka answers, a partition without records follows the clock, so one that moves is enough; a rebalance
        # and a worker that starts need 15 s. In all 90 s, as above, and kept, should the workers end for want of Kafka.
        # Workers that end as soon as they start may never show a partition, and are never absent for long.
        expr=(
            "(\n  time() - max(vigil_watermark_timestamp_seconds)\n    or\n"
            "  time() - max(max_over_time(vigil_watermark_timestamp_seconds[1d]))\n    and\n"
            "  count(changes(vigil_start_time_seconds[10m]) > 1)\n) > 60"
        ),
        wait="30s",
        keep="3m",
        severity="critical",
        summary="No Vigil worker gets on, so no AI feature is watched",
        description=(
            "Workers run, and time has stood still in every partition for {{ $value | humanizeDuration }}: Kafka or the"
            " store does not answer them, or they end as soon as they start."
        ),
        query="is_the_monitor_whole",
    )


def _lagging() -> Iterator[Alert]:
    yield Alert(
        name="VigilLagHigh",
        expr=(
            "sum by (topic) (vigil_lag_records)\n  > 300 *\n"
            "clamp_min(sum by (topic) (rate(vigil_records_total[5m])), 1)"
        ),
        wait="10m",
        severity="warning",
        summary="Vigil's workers are behind, so incidents are found late",
        description=(
            "{{ $value | humanize }} records of topic {{ $labels.topic }} wait; at the speed of the last 5 minutes that"
            " is more than 5 minutes of work."
        ),
        query="is_the_monitor_whole",
    )
    # Windows close by the partitions of telemetry alone; what comes on the others only comes late.
    yield _stale(
        f"=~{_TELEMETRY}", "error", "A partition's time stands still, so no window closes and nothing is scored"
    )
    yield _stale(
        f"!~{_TELEMETRY}", "warning", "A partition of changes or reviews stands still, so what people say is not heard"
    )
    refused = "sum by (topic) (increase(vigil_dead_letters_total[15m]))\n  /\n"
    read = "(sum by (topic) (increase(vigil_records_total[15m])) > 0)\n"
    yield Alert(
        name="VigilDeadLetterRatioHigh",
        # A clock that is wrong loses all of an emitter, its heartbeats too, so no feature misses anything: whatever
        # its share of the topic, somebody must be told.
        expr=(
            f"{refused}{read}  > 0.05\n  and\nsum by (topic) (increase(vigil_dead_letters_total[15m])) >= 20\n"
            f"  or\n{refused}{read}  and\n"
            'sum by (topic) (increase(vigil_dead_letters_total{reason="from_the_future"}[15m])) >= 50'
        ),
        wait="5m",
        severity="warning",
        summary="Vigil refuses many records, so what they tell is not counted",
        description="{{ $value | humanizePercentage }} of what came on {{ $labels.topic }} in 15 minutes was refused.",
        query="is_the_monitor_whole",
    )


def _stale(topics: str, severity: str, summary: str) -> Alert:
    """A partition that nobody shows any more goes on ageing, as long as another one of its topic is shown.

    It belongs to nobody, or to a worker that cannot be scraped. Where none is left the topic was switched off, or all
    workers are gone, which has an alert of its own.
    """
    return Alert(
        name="VigilWatermarkStale",
        expr=(
            "time() - max by (topic, partition) (last_over_time(vigil_watermark_timestamp_seconds[1d])) > 180\n"
            f"  and on (topic)\nvigil_watermark_timestamp_seconds{{topic{topics}}}"
        ),
        wait="5m",
        severity=severity,
        summary=summary,
        description=(
            "Partition {{ $labels.partition }} of {{ $labels.topic }} is complete only until"
            " {{ $value | humanizeDuration }} ago, as far as workers show."
        ),
        query="is_the_monitor_whole",
    )


def _storing() -> Iterator[Alert]:
    yield Alert(
        name="VigilOffsetAuditFailed",
        expr="max(vigil_offset_audit_errors) > 0",
        wait="2m",
        severity="error",
        summary="Vigil skipped records or counted them twice",
        description="The claims on {{ $value }} partitions have a gap or an overlap; totals of that time are wrong.",
        query="is_the_monitor_whole",
    )
    yield Alert(
        name="VigilInsertFailures",
        expr="round(sum(increase(vigil_insert_failures_total[5m]))) >= 3",
        severity="warning",
        keep="5m",
        summary="The store does not take Vigil's writes",
        description="{{ $value | humanize }} writes failed in 5 minutes. Workers repeat them, then stop.",
        query="is_the_monitor_whole",
    )


def _scoring() -> Iterator[Alert]:
    yield Alert(
        name="VigilScorerStale",
        # Of workers that own a part of the telemetry topic. One that has none shows NaN, one that has just got its
        # first and has scored nothing shows 0.
        # A minute more than VigilWatermarkStale, which mutes this: where no window closes there is nothing to score.
        expr=(
            "max by (instance) (time() - vigil_scored_until_timestamp_seconds) > 180\n"
            '  and on (instance)\nvigil_watermark_timestamp_seconds{topic="ai.telemetry"}'
        ),
        wait="6m",
        severity="error",
        summary="A Vigil worker has stopped scoring, so its features raise no incident",
        description="Worker {{ $labels.instance }} has finished no window of the last 3 minutes. Rates still alert.",
        query="is_the_monitor_whole",
    )
    yield Alert(
        name="VigilFeaturesNotScored",
        expr="sum(vigil_features_not_scored) > 0",
        wait="10m",
        severity="warning",
        summary="Some AI features are not scored, because there are too many",
        description="{{ $value }} features have no score. Rates and counts still alert.",
        query="is_the_monitor_whole",
    )
    yield Alert(
        name="VigilPolicyReloadFailed",
        expr="count(vigil_policy_last_reload_successful == 0)",
        wait="2m",
        severity="warning",
        summary="Vigil refuses its new policy and goes on by the old one",
        description=(
            "{{ $value }} workers refuse the file at VIGIL_POLICY; their logs name the line. No worker could restart."
        ),
        query="is_the_monitor_whole",
    )
