"""What Prometheus has to hold: every label from a bounded set, the worst case known and documented."""

import re
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.exposition import generate_latest

from monitor.change_events import RESULTS
from monitor.columns import SCORED
from monitor.durations import seconds_of
from monitor.metrics import Metrics
from monitor.pool_windows import MOST_POOLS
from monitor.settings import Settings
from monitor.windows import DIMENSIONS
from schemas.aliases import CONTENT, load
from schemas.kpis import KPIS
from schemas.otlp_batch import Skip
from schemas.outcomes import CATEGORIES, Bit, category_bit
from schemas.probes import PROBE_FEATURE, PROBE_OUTCOMES
from schemas.topics import CHANGES_TOPIC, OTLP_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC
from schemas.vocabulary import RejectReason
from tests.programs import needs

DOCUMENT = Path(__file__).parents[2] / "docs" / "alerting.md"
TOPICS = [topic.name for topic in (TELEMETRY_TOPIC, CHANGES_TOPIC, REVIEWS_TOPIC, OTLP_TOPIC)]
KPI_ROWS = [kpi.name for kpi in KPIS]
EVERY_FACT = sum({value for name, value in vars(Bit).items() if name.isupper()} - {Bit.SYNTHETIC}) + sum(
    category_bit(category) for category in CATEGORIES
)


def content_names() -> list[str]:
    """Names under which dropped attributes are counted."""
    aliases = load()
    return [name for name, kind in aliases.kinds.items() if kind >= CONTENT] + [f"{one}*" for one in aliases.families]


def domains(features: int, partitions: int) -> dict[str, list[str]]:
    """Every value a label can have."""
    return {
        "feature": [f"feature-{number}" for number in range(features)],
        "partition": [str(number) for number in range(partitions)],
        "topic": TOPICS,
        "reason": [*get_args(RejectReason)],
        "attribute": content_names(),
        "kind": [*get_args(Skip)],
        "dimension": [*DIMENSIONS],
        "kpi": [*SCORED],
        "direction": ["up", "down"],
        "outcome": [*PROBE_OUTCOMES],
        "result": [*RESULTS],
        "version": ["1"],
        "python": ["3"],
    }


def labelled(metrics: Metrics) -> Iterator[Any]:
    """The metrics that have labels, the KPI counters aside."""
    return (one for one in vars(metrics).values() if getattr(one, "_labelnames", ()))


def worst(features: int, partitions: int, pools: bool = False) -> bytes:
    """What /metrics says when everything that can happen has happened; `pools` if the policy has them."""
    metrics, values = Metrics(), domains(features, partitions)
    for metric in labelled(metrics):
        for labels in product(*(values[name] for name in metric._labelnames)):
            metric.labels(*labels)
    for outcome in PROBE_OUTCOMES:  # Vigil's own, whatever the limit of features
        metrics.probes.labels(PROBE_FEATURE, outcome)
    metrics.last_probe.labels(PROBE_FEATURE)
    names = [*(f"pool:model=m-{number}" for number in range(MOST_POOLS)), "pool:other"] if pools else []
    for pool, kpi in product(names, KPI_ROWS):
        metrics.anomaly_score.labels(pool, kpi)
        metrics.anomaly_threshold.labels(pool, kpi)
        for direction in values["direction"]:
            metrics.incident_open.labels(pool, kpi, direction)
    for feature in values["feature"]:
        metrics.kpis.begin(feature)
        metrics.kpis.add({(feature, EVERY_FACT): 1})
    return generate_latest(metrics.registry)


def count(features: int, partitions: int, pools: bool = False) -> int:
    return sum(1 for line in worst(features, partitions, pools).decode().splitlines() if not line.startswith("#"))


def formula() -> tuple[int, int, int]:
    """Series that are always there, those of each feature, those of each partition of all topics."""
    least = count(1, 1)
    each_feature, each_partition = count(2, 1) - least, count(1, 2) - least
    return least - each_feature - each_partition, each_feature, each_partition


def test_the_worst_case_is_a_line_in_features_and_partitions() -> None:
    always, each_feature, each_partition = formula()
    assert count(7, 5) == always + 7 * each_feature + 5 * each_partition
    assert each_feature >= 2 * len(SCORED)


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="NOT CHECKED: no /proc here, so the process's own series are missing"
)
def test_the_worst_case_is_in_the_document() -> None:
    always, each_feature, each_partition = formula()
    settings = {name: Settings.model_fields[name].default for name in ("features", "partitions")}
    total = always + (settings["features"] + 1) * each_feature + settings["partitions"] * each_partition
    said = " ".join(DOCUMENT.read_text().split())
    assert f"{always} + {each_feature} x (VIGIL_FEATURES + 1) + {each_partition} x partitions" in said
    assert f"at the defaults {total:,} series of one worker" in said
    assert f"up to {count(1, 1, pools=True) - count(1, 1):,} of {MOST_POOLS} pools" in said
    prometheus = yaml.safe_load((DOCUMENT.parents[1] / "alerts" / "prometheus" / "prometheus.yaml").read_text())
    scrapes = 60 // seconds_of(prometheus["global"]["scrape_interval"])
    assert f"takes in {scrapes} samples a minute of each series" in said
    assert f"in the worst case below, {scrapes * total:,} a minute of one worker" in said


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="NOT CHECKED: no /proc here, so the process's own series are missing"
)
def test_every_metric_of_the_process_that_a_runbook_asks_for_is_shown() -> None:
    runbooks = (DOCUMENT.parents[1] / "alerts" / "runbooks").glob("*.md")
    asked = {name for path in runbooks for name in re.findall(r"\bvigil_process_\w+", path.read_text())}
    shown = {line.split("{")[0].split(" ")[0] for line in worst(1, 1).decode().splitlines()}
    assert asked == {"vigil_process_cpu_seconds_total"}
    assert asked <= shown


def test_every_label_has_a_bound() -> None:
    names = {name for metric in labelled(Metrics()) for name in metric._labelnames}
    assert names == set(domains(1, 1))
    assert not names & {"tenant", "trace_id", "event_id", "emitter", "user_segment"}


@needs("promtool")
@pytest.mark.parametrize("features", [0, 3])
def test_promtool_accepts_metrics(features: int) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=worst(features, 2), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@needs("promtool")
def test_promtool_would_find_a_counter_without_its_suffix() -> None:
    doctored = re.sub(rb"vigil_records_total\b", b"vigil_records_count", worst(1, 1))
    done = subprocess.run(["promtool", "check", "metrics"], input=doctored, capture_output=True, check=False)
    assert done.returncode != 0
