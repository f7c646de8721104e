"""A probe on real parts: it goes into Kafka and comes out of Prometheus, which misses it when the worker is dead."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from alerts.policy import Probe
from monitor.alerting import SHIPPED, prometheus_config, replaced
from monitor.leash import Child, start
from monitor.policy import SHIPPED_POLICY, load_policy
from monitor.ports import free_port, wait_for_port
from monitor.producing import sender
from schemas.topics import TELEMETRY_TOPIC
from tests.e2e.ask import ask
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Workers, end, wait_until
from tests.e2e.scrape import metric
from tests.interrupts import hear_interrupts
from tests.programs import PROMETHEUS, needs

# Seconds in the place of minutes, so that the test is short; the rules are the same but for these two numbers.
PROBING = load_policy(SHIPPED_POLICY).model_copy(update={"probe": Probe(every="5s", deadline="15s")})
PATIENCE = 120.0
PROBE = [sys.executable, "-m", "monitor.cli", "probe"]


@pytest.fixture(name="workers")
def _workers(tmp_path: Path) -> Iterator[Workers]:
    with on_tansu(tmp_path) as found:
        found.settings |= {"OTLP": "false", "METRICS_PORT": str(free_port())}
        yield found


@pytest.fixture(name="prometheus")
def _prometheus(workers: Workers, tmp_path: Path) -> Iterator[str]:
    """Its host and port; it scrapes the worker each second, and there is no Alertmanager."""
    port, rules = free_port(), tmp_path / "rules"
    rules.mkdir()
    for path, text in files(PROBING).items():
        if path.startswith("rules/"):
            (tmp_path / path).write_text(text)
    ours = {str(SHIPPED / "rules" / "*.yaml"): str(rules / "*.yaml")}
    config = tmp_path / "prometheus.yaml"
    config.write_text(
        replaced(prometheus_config([f"127.0.0.1:{workers.settings['METRICS_PORT']}"], "127.0.0.1:9"), ours)
    )
    command = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'prometheus'}"]
    listen = f"--web.listen-address=127.0.0.1:{port}"
    child: Child = start("Prometheus", ["prometheus", *command, listen], tmp_path / "prometheus.log")
    try:
        wait_for_port(child, port, tmp_path / "prometheus.log", 30)
        wait_until(lambda: is_ready(port), 30, "Prometheus is ready")
        yield f"127.0.0.1:{port}"
    finally:
        child.stop()


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except OSError:
        return False


def firing(prometheus: str) -> set[str]:
    with urllib.request.urlopen(f"http://{prometheus}/api/v1/alerts", timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
    return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}


def probe(workers: Workers, prometheus: str, deadline: str = "60s") -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "monitor.cli",
        "probe",
        "--prometheus",
        f"http://{prometheus}",
        "--deadline",
        deadline,
    ]
    environment = os.environ | {"VIGIL_BROKER": workers.broker}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def send(workers: Workers, *events: dict[str, Any]) -> None:
    common = {"kind": "interaction", "ts": datetime.now(UTC).isoformat(), "emitter": "gateway", "feature": "chat"}
    with sender(workers.broker, "test") as out:
        for number, one in enumerate(events):
            said = common | {"event_id": f"event-{time.time_ns()}-{number}"} | one
            out.send(TELEMETRY_TOPIC.name, json.dumps(said).encode(), "gateway")


@contextmanager
def probing(workers: Workers, prometheus: str) -> Iterator[None]:
    """`vigil probe` again and again, as where there is no CronJob."""
    command = [*PROBE, "--prometheus", f"http://{prometheus}", "--deadline", "4s", "--every", "5s"]
    with (workers.folder / "probe.log").open("ab") as log:
        environment = os.environ | {"VIGIL_BROKER": workers.broker}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=hear_interrupts)  # noqa: PLW1509  # no threads yet
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        end(process)


@needs(*PROMETHEUS)
@pytest.mark.slow
def test_a_probe_comes_out_and_is_missed_by_prometheus_alone_when_the_worker_is_killed(
    workers: Workers, prometheus: str
) -> None:
    wait_until(lambda: "VigilProbeLost" in firing(prometheus), PATIENCE, "an alert while there never was a worker")
    with probing(workers, prometheus):
        worker = workers.start()
        wait_until(lambda: "VigilProbeLost" not in firing(prometheus), PATIENCE, "it ends when probes come through")
        through = probe(workers, prometheus)
        assert (through.returncode, through.stderr) == (0, "")
        assert through.stdout.startswith(f"the probe came out of Prometheus at http://{prometheus} after ")

        worker.kill()
        worker.wait()
        wait_until(lambda: "VigilProbeLost" in firing(prometheus), PATIENCE, "an alert after the worker was killed")
        lost = probe(workers, prometheus, "2s")
        assert lost.returncode == 1
        assert lost.stderr.startswith("Error: the probe was sent and did not come out in 2 s: Prometheus at ")
        assert len(lost.stderr.splitlines()) == 1

        workers.start()
        wait_until(lambda: "VigilProbeLost" not in firing(prometheus), PATIENCE, "it ends when there is a worker again")
    said = (workers.folder / "probe.log").read_text()
    assert "the probe came out of Prometheus" in said
    assert "Error: the probe was sent and did not come out in 4 s" in said
    assert said.endswith("stopped\n")


def test_probes_change_no_kpi_and_tell_what_the_filters_let_pass(workers: Workers) -> None:
    port = int(workers.settings["METRICS_PORT"])
    looked = {"name": "toxicity", "stage": "input", "category": "jailbreak", "outcome": "evaluated"}
    passed = {"guardrails": [looked | {"verdict": "allow", "action": "allow"}]}
    found = {"guardrails": [looked | {"verdict": "deny", "action": "block"}]}
    workers.start()
    send(workers, *[passed] * 20, *[found] * 3)
    known_bad = [said | {"synthetic": f"probe-{number:04d}"} for number, said in enumerate((found, passed, {}))]
    send(workers, *known_bad, *[one | {"feature": "unborn"} for one in known_bad[:2]])
    wait_until(lambda: metric(port, "vigil_probes_total") == 5, PATIENCE, "five probes are counted")
    wait_until(lambda: metric(port, "vigil_interactions_total") == 23, PATIENCE, "the traffic is counted")
    assert metric(port, "vigil_probe_last_timestamp_seconds") > time.time()  # the sum of two features' times
    workers.stop()

    kpis = ask(
        workers.dsn,
        "SELECT feature, sum(bad) AS bad, sum(evaluated) AS evaluated, sum(population) AS population "
        "FROM kpi_windows WHERE kpi = 'policy_violation_rate' GROUP BY feature HAVING population > 0",
    )
    assert [(row["feature"], int(row["bad"]), int(row["evaluated"])) for row in kpis] == [("chat", 3, 23)]
    arrived = ask(workers.dsn, "SELECT feature, sum(arrived) AS n FROM completeness GROUP BY feature")
    assert [(row["feature"], int(row["n"])) for row in arrived] == [("chat", 23)]
    results = ask(workers.dsn, "SELECT feature, probe, result FROM probes ORDER BY feature, probe")
    assert [(row["feature"], row["probe"], row["result"]) for row in results] == [
        ("chat", "probe-0000", "caught"),
        ("chat", "probe-0001", "missed"),
        ("chat", "probe-0002", "not_evaluated"),
        ("unborn", "probe-0000", "caught"),
        ("unborn", "probe-0001", "missed"),
    ]
