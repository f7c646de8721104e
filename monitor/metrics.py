"""Every Prometheus metric, named once. Labels come from closed sets or are capped; never an id."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from monitor.kpi_counters import KpiCounters

OTHER = "other"


class Metrics:
    """The metrics of one worker, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self.build_info = Gauge("vigil_build_info", "Always 1; what is running.", ["version", "python"], registry=r)
        # Not ProcessCollector's: that one is only there where /proc is, and a rule counts by this one.
        self.start_time = Gauge(
            "vigil_start_time_seconds", "When this worker started; its counters began at 0 then.", registry=r
        )

        # CPU, memory and open files of the process, where there is /proc: vigil_process_cpu_seconds_total and others.
        ProcessCollector(namespace="vigil", registry=r)

        # From the stream, at the moment of counting: they go on while the store is away.
        self.records = Counter("vigil_records", "Kafka records read.", ["topic"], registry=r)
        self.kpis = KpiCounters(r)
        self.interactions_expected = Counter(
            "vigil_interactions_expected",
            "Interactions that emitters say they had, from heartbeats.",
            ["feature"],
            registry=r,
        )
        self.probes = Counter(
            "vigil_probes",
            "Synthetic interactions, each known to be bad, by what the filters made of them.",
            ["feature", "outcome"],
            registry=r,
        )
        self.last_probe = Gauge(
            "vigil_probe_last_timestamp_seconds",
            "Event time of the newest synthetic interaction.",
            ["feature"],
            registry=r,
        )
        self.last_heartbeat = Gauge(
            "vigil_feature_last_heartbeat_timestamp_seconds",
            "Time of the newest heartbeat that named the feature.",
            ["feature"],
            registry=r,
        )
        self.dead_letters = Counter(
            "vigil_dead_letters", "Records refused, by reason.", ["topic", "reason"], registry=r
        )
        self.duplicates = Counter(
            "vigil_duplicates", "Records whose event id was already counted.", ["topic"], registry=r
        )
        self.late_events = Counter(
            "vigil_late_events", "Events that came after their window had closed.", ["feature"], registry=r
        )
        self.otlp_content_dropped = Counter(
            "vigil_otlp_content_dropped",
            "OTLP attributes that carry content, dropped unread.",
            ["attribute"],
            registry=r,
        )
        self.otlp_not_counted = Counter(
            "vigil_otlp_items_not_counted",
            "OTLP spans and log records that are no interaction and no verdict.",
            ["kind"],
            registry=r,
        )
        self.otlp_unknown_reasons = Counter(
            "vigil_otlp_unknown_finish_reasons", "OTLP finish reasons that the alias table lacks.", registry=r
        )
        self.slices_capped = Counter(
            "vigil_slices_capped", "Events whose dimension value went into other.", ["dimension"], registry=r
        )
        self.offsets_skipped = Counter(
            "vigil_offsets_skipped",
            "Offsets without a record: expired before they were read, compacted, or transaction markers.",
            ["topic"],
            registry=r,
        )
        self.lag = Gauge(
            "vigil_lag_records", "Records behind Kafka's end at the last fetch.", ["topic", "partition"], registry=r
        )
        self.watermark = Gauge(
            "vigil_watermark_timestamp_seconds",
            "Event time up to which a partition is complete.",
            ["topic", "partition"],
            registry=r,
        )

        # The store.
        self.insert_seconds = Histogram(
            "vigil_insert_duration_seconds",
            "Time one write to the store took.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=r,
        )
        self.insert_failures = Counter(
            "vigil_insert_failures", "Writes the store refused or did not answer.", registry=r
        )
        self.last_insert = Gauge("vigil_last_insert_timestamp_seconds", "When the store last took a write.", registry=r)
        self.offset_audit_errors = Gauge(
            "vigil_offset_audit_errors",
            "Partitions whose claimed offsets have a gap or an overlap.",
            registry=r,
        )
        self.change_events = Counter(
            "vigil_change_events",
            "Changes told to PagerDuty: sent, refused for good, failed and tried again, expired untold.",
            ["result"],
            registry=r,
        )

        # The scorer.
        self.anomaly_score = Gauge(
            "vigil_anomaly_log_e",
            "Natural logarithm of the e-detector's statistic in the last scored window.",
            ["feature", "kpi"],
            registry=r,
        )
        self.anomaly_threshold = Gauge(
            "vigil_anomaly_threshold", "Score above which a series alarms.", ["feature", "kpi"], registry=r
        )
        self.coverage = Gauge(
            "vigil_kpi_coverage_ratio",
            "Evaluated over expected in the last scored window; below the floor the KPI is unknown.",
            ["feature", "kpi"],
            registry=r,
        )
        self.incident_open = Gauge(
            "vigil_incident_open",
            "1 while an incident is open on the series.",
            ["feature", "kpi", "direction"],
            registry=r,
        )
        self.features_not_scored = Gauge(
            "vigil_features_not_scored",
            "Features of this worker without a score in the last windows, because there are too many.",
            registry=r,
        )
        self.pools_not_scored = Gauge(
            "vigil_pools_not_scored", "Pools of this worker without a score, because there are too many.", registry=r
        )
        self.pool_members_left_out = Gauge(
            "vigil_pool_members_left_out",
            "Features that are in no pool's sum in the last windows, because their pool is full.",
            registry=r,
        )
        self.scored_until = Gauge(
            "vigil_scored_until_timestamp_seconds",
            "End of the newest window the scorer has finished; 0 before the first, NaN where it has nothing to score.",
            registry=r,
        )
        self.policy_info = Gauge(
            "vigil_policy_info", "Always 1; the policy by which is scored.", ["version"], registry=r
        )
        self.policy_reloaded = Gauge(
            "vigil_policy_last_reload_successful", "1, or 0 while the policy's file is not one that works.", registry=r
        )
        self.policy_reloaded_at = Gauge(
            "vigil_policy_last_reload_success_timestamp_seconds", "When a good policy was read last.", registry=r
        )


class Cap:
    """At most `limit` distinct label values; later ones become `other`. Those that are `named` have their place."""

    def __init__(self, limit: int, named: Iterable[str] = ()) -> None:
        self.limit = limit
        self._known = set(sorted(named)[:limit])

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= self.limit:
            return OTHER
        self._known.add(value)
        return value
