"""A real broker, a real worker: what twelve small features of one model show together only, and a quiet model."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from monitor.ports import free_port
from tests.e2e.conftest import on_tansu
from tests.e2e.processes import Workers, wait_until
from tests.pool_traffic import with_pools

POOL = 'feature="pool:model=m-1"'


def lines(workers: Workers, metric: str) -> list[str]:
    """The samples of a metric that are about refusals; none while nobody tells."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{workers.settings['METRICS_PORT']}/metrics", timeout=5) as said:
            found = said.read().decode().splitlines()
    except OSError:
        return []
    return [line for line in found if line.startswith(metric + "{") and 'kpi="refusal_rate"' in line]


@pytest.mark.parametrize("factor", [1.5, 1.0])
def test_a_rise_that_is_small_in_each_feature_opens_an_incident_of_their_model_and_a_quiet_run_none(
    tmp_path: Path, factor: float
) -> None:
    with on_tansu(tmp_path) as found:
        found.settings |= {"POLICY": str(with_pools(tmp_path))}
        found.settings |= {"GRACE": "2", "IDLE_AFTER": "4", "OTLP": "false", "METRICS_PORT": str(free_port())}
        # In a process of its own: chDB opens one path in each.
        subprocess.run([sys.executable, "-m", "tests.e2e.pool_history", found.dsn, str(factor)], check=True)
        found.start()
        wait_until(lambda: any(POOL in one for one in lines(found, "vigil_anomaly_log_e")), 120, "the pool is scored")
        opened = [one for one in lines(found, "vigil_incident_open") if POOL in one and one.endswith(" 1.0")]
        assert ['direction="up"' in one for one in opened] == ([True] if factor > 1.0 else [])
