"""A whole Vigil on this machine for a test of pages: broker, traffic, store, worker, Prometheus and Alertmanager."""

import json
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import run
from typing import Any

from monitor.alerting import Alerting, start_alerting
from monitor.clock import now
from monitor.embedded import start_broker
from monitor.leash import Child, start
from monitor.ports import free_port
from monitor.windows import window_start
from tests.e2e.feature_traffic import PROFILES
from tests.e2e.processes import Served, Workers, wait_until
from tests.e2e.scrape import metric

_TRAFFIC = [sys.executable, "-m", "tests.e2e.feature_traffic"]
_BACK_OFF = 5.0
"""Seconds until a supervisor starts a worker again."""
_PATIENCE = 180.0
"""Seconds: several worlds begin at once, and to learn what is normal takes a machine that is busy a while."""
_HEARD = "count(feature:vigil_feature_last_heartbeat_timestamp_seconds:max)"

Labels = dict[str, str]


@dataclass
class World:
    """What runs, and how to ask it."""

    folder: Path
    broker: Child
    traffic: Child
    workers: Workers
    alerting: Alerting
    store: Served | None
    _ended: threading.Event = field(default_factory=threading.Event)

    def turn(self, traffic: str) -> float:
        """The features begin anew, `well` or `faulty`; returns when, in Unix seconds."""
        self.traffic.stop()
        begun = now().timestamp()
        self.traffic = _start_traffic(self.folder, traffic, self.workers.broker, begun)
        return begun

    def supervise(self) -> None:
        """From now on a worker that ends is started again."""
        threading.Thread(target=self._supervise, daemon=True).start()

    def _supervise(self) -> None:
        while not self._ended.wait(_BACK_OFF):
            if self.workers.running[-1].poll() is not None:
                self.workers.start()

    def end(self) -> None:
        """No worker is started any more, and traffic ends."""
        self._ended.set()
        self.traffic.stop()

    def firing(self) -> list[Labels]:
        """The labels of each alert that fires in Prometheus."""
        found = _json(f"{self.alerting.prometheus_url}/api/v1/alerts")["data"]["alerts"]
        return [one["labels"] for one in found if one["state"] == "firing"]

    def muted(self) -> list[Labels]:
        """The labels of each alert that Alertmanager holds back because of another."""
        found = _json(f"{self.alerting.alertmanager_url}/api/v2/alerts")
        return [one["labels"] for one in found if one["status"]["inhibitedBy"]]

    def heard(self) -> int:
        """Features of which Prometheus knows a heartbeat."""
        asked = urllib.parse.urlencode({"query": _HEARD})
        found = _json(f"{self.alerting.prometheus_url}/api/v1/query?{asked}")["data"]["result"]
        return int(found[0]["value"][1]) if found else 0


@contextmanager
def world(folder: Path, pagerduty_url: str, served: bool, known: bool) -> Iterator[World]:
    """All of it, with three features that are well. `served`: the store is a process; `known`: there is a past."""
    folder.mkdir()
    with ExitStack() as stack:
        port = free_port()
        broker = start_broker(port, folder / "broker.log")
        stack.callback(broker.stop)
        workers = Workers(folder, f"127.0.0.1:{port}", {"METRICS_PORT": str(free_port())})
        started = float(window_start(now().timestamp()))
        if known:
            run([*_TRAFFIC, "history", workers.dsn, str(started)], check=True)
        traffic = _start_traffic(folder, "well", workers.broker, started)
        stack.callback(traffic.stop)
        store = Served(folder) if served else None
        if store is not None:
            stack.callback(store.stop)
            workers.settings |= store.settings
        workers.start()
        stack.callback(workers.stop)
        metrics = int(workers.settings["METRICS_PORT"])
        wait_until(
            lambda: metric(metrics, "vigil_scored_until_timestamp_seconds") > started, _PATIENCE, "windows are scored"
        )
        alerting = start_alerting(folder / "alerting", [f"127.0.0.1:{metrics}"], pagerduty_url)
        stack.callback(alerting.stop)
        found = World(folder, broker, traffic, workers, alerting, store)
        stack.callback(found.end)
        wait_until(lambda: found.heard() == len(PROFILES), _PATIENCE, "Prometheus has heard of every feature")
        yield found


def _start_traffic(folder: Path, what: str, broker: str, begun: float) -> Child:
    return start("traffic", [*_TRAFFIC, what, broker, str(begun)], folder / "traffic.log")


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10.0) as answer:  # noqa: S310  # loopback
        return json.load(answer)
