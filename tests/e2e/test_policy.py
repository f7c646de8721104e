"""A real worker and its policy's file: followed while it runs, refused when it is bad, and never started with."""

import re
import urllib.request
from pathlib import Path

from monitor.ports import free_port
from tests.e2e.processes import Workers, wait_until
from tests.e2e.scrape import metric


def version(port: int) -> str:
    """Of the policy by which the worker scores; empty before it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return ""
    return "".join(re.findall(r'(?m)^vigil_policy_info{version="([^"]+)"} 1\.0$', text))


def test_a_worker_follows_its_policy_and_does_not_start_with_a_bad_one(kafka_workers: Workers, tmp_path: Path) -> None:
    policy, port = tmp_path / "policy.yaml", free_port()
    policy.write_text("version: one\n")
    kafka_workers.settings |= {"POLICY": str(policy), "METRICS_PORT": str(port)}
    kafka_workers.start()
    wait_until(lambda: version(port).startswith("one+"), 40, "the worker says by which policy it scores")
    wait_until(lambda: metric(port, "vigil_scored_until_timestamp_seconds") > 0, 40, "it scores")
    policy.write_text("version: two\nkpis: {refusal_rate: {budget: 2/day, coverage_floor: 0.8}}\n")
    wait_until(lambda: version(port).startswith("two+"), 30, "it follows its file")
    assert metric(port, "vigil_policy_last_reload_successful") == 1
    policy.write_text("version: three\nbudget: now and then\n")
    wait_until(lambda: metric(port, "vigil_policy_last_reload_successful") == 0, 30, "it refuses a bad file")
    assert version(port).startswith("two+")
    assert re.findall(r"still scoring by policy two\S+ VIGIL_POLICY: policy\.yaml, line 2: .*\n", kafka_workers.log())
    other = kafka_workers.start(METRICS_PORT="0", STORE=f"chdb://{tmp_path / 'other'}")
    assert other.wait(60) == 1
    assert kafka_workers.log().count("policy.yaml, line 2") == 2
    assert "Traceback" not in kafka_workers.log()
