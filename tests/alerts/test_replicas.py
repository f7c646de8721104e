"""Two replicas of Prometheus that scrape and evaluate the same: one page, and one end of it."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.alerting import prometheus_config, replaced, start_alerting
from monitor.leash import start
from monitor.metrics import Metrics
from monitor.pagerduty import ENQUEUE, Receiver
from monitor.ports import free_port, wait_for_port
from tests.programs import ALERTMANAGER, PROMETHEUS, needs
from tests.test_alerting import get, serve, set_incident, until


def start_replica(undo: ExitStack, folder: Path, name: str, scraped: str, alertmanager: str) -> None:
    """A Prometheus with the shipped configuration and an external label of its own."""
    folder.mkdir()
    text = prometheus_config([scraped], alertmanager.removeprefix("http://"))
    config, log, port = folder / "prometheus.yaml", folder / "prometheus.log", free_port()
    config.write_text(replaced(text, {"global:\n": f"global:\n  external_labels: {{replica: {name}}}\n"}))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    child = start(f"Prometheus {name}", [*command, f"--web.listen-address=127.0.0.1:{port}"], log)
    undo.callback(child.stop)
    wait_for_port(child, port, log)


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
@pytest.mark.slow
def test_two_replicas_page_once_and_end_it_once(tmp_path: Path) -> None:
    metrics, receiver = Metrics(), Receiver()
    metrics.last_heartbeat.labels("chat").set(time.time())
    set_incident(metrics, "chat", 0)

    async def run() -> list[dict[str, str]]:
        url = f"http://127.0.0.1:{await receiver.start()}{ENQUEUE}"
        server, port = serve(metrics)
        with ExitStack() as undo:
            undo.callback(server.server_close)
            undo.callback(server.shutdown)
            alerting = await asyncio.to_thread(start_alerting, tmp_path / "one", [], url)
            undo.callback(alerting.stop)
            for name in ("a", "b"):
                start_replica(undo, tmp_path / name, name, f"127.0.0.1:{port}", alerting.alertmanager_url)
            alerts = f"{alerting.alertmanager_url}/api/v2/alerts"
            await until(lambda: any(one["labels"]["alertname"] == "Watchdog" for one in get(alerts)))
            set_incident(metrics, "chat", 1)
            await until(lambda: receiver.pages != [])
            await asyncio.sleep(8)  # the other replica has told it as well: each finds Alertmanager 5 s after its start
            told: list[dict[str, str]] = [one["labels"] for one in get(alerts)]
            set_incident(metrics, "chat", 0)
            await until(lambda: any(page.action == "resolve" for page in receiver.pages))
            await asyncio.sleep(3)
        await receiver.stop()
        return told

    told = asyncio.run(run())
    assert [one["alertname"] for one in told if one.get("feature") == "chat"] == ["VigilRefusalSpike"]
    assert not any("replica" in one for one in told)
    assert [(page.component, page.action) for page in receiver.pages] == [("chat", "trigger"), ("chat", "resolve")]
