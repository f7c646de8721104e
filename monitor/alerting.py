"""Prometheus and Alertmanager on this machine, with the shipped files; only addresses and intervals differ."""

import http.client
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import alerts
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.leash import Child, start
from monitor.ports import free_port, wait_for_port

SHIPPED = Path(alerts.__file__).parent
LOCAL_ROUTING_KEY = "0" * 32
"""The receiver checks the length of the key and nothing else."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the two programs are."""

    prometheus: str
    alertmanager: str


def find_programs() -> Programs | None:
    """Prometheus and Alertmanager on the PATH; None when either is missing."""
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")  # Debian's name first
    return Programs(prometheus, alertmanager) if prometheus and alertmanager else None


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often Prometheus looks and how long Alertmanager waits, as both write durations."""

    scrape: str
    evaluation: str
    group_wait: str
    """Of what pages; what can wait keeps its own."""
    group_interval: str


IMMEDIATE = Intervals("1s", "1s", "0s", "1s")
"""For whoever watches and does not want to wait."""


@dataclass(slots=True)
class Alerting:
    """The two programs, running. They end with this process, or with `stop`."""

    prometheus_url: str
    alertmanager_url: str
    children: tuple[Child, ...]

    def stop(self) -> None:
        """End both; safe to call twice."""
        for child in self.children:
            child.stop()


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each key replaced. UserError unless it is there exactly once: a file we ship has changed."""
    for old, new in changes.items():
        if (count := text.count(old)) != 1:
            raise UserError(f"{old!r} is {count} times in a shipped configuration, not once; install Vigil anew")
        text = text.replace(old, new)
    return text


def prometheus_config(targets: Sequence[str], alertmanager: str, intervals: Intervals | None = IMMEDIATE) -> str:
    """The shipped prometheus.yaml for `host:port` targets. `intervals` None leaves those of the file."""
    text = (SHIPPED / "prometheus" / "prometheus.yaml").read_text()
    if intervals is not None:
        text = replaced(
            text,
            {
                "scrape_interval: 5s": f"scrape_interval: {intervals.scrape}",
                "evaluation_interval: 5s": f"evaluation_interval: {intervals.evaluation}",
            },
        )
    return replaced(
        text,
        {
            "../rules/*.yaml": json.dumps(str(SHIPPED / "rules" / "*.yaml")),  # JSON strings are YAML strings
            '["127.0.0.1:9093"]': json.dumps([alertmanager]),
            '["127.0.0.1:9108"]': json.dumps(list(targets)),
        },
    )


def alertmanager_config(pagerduty_url: str, key_file: Path, intervals: Intervals | None = IMMEDIATE) -> str:
    """The shipped alertmanager.yaml for another receiver. `intervals` None leaves those of the file."""
    # The last receiver is who misses Watchdog: what runs here is no sign of life of what runs there.
    before, name, _ = (SHIPPED / "alertmanager" / "alertmanager.yaml").read_text().partition("  - name: dead-man\n")
    text = before + name
    if intervals is not None:
        text = replaced(
            text,
            {
                "group_wait: 1s": f"group_wait: {intervals.group_wait}",
                "group_interval: 1m": f"group_interval: {intervals.group_interval}",
            },
        )
    return replaced(
        text,
        {
            "https://events.pagerduty.com/v2/enqueue": json.dumps(pagerduty_url),
            "/etc/alertmanager/secrets/pagerduty-routing-key": json.dumps(str(key_file)),
        },
    )


def start_alerting(
    directory: Path, targets: Sequence[str], pagerduty_url: str, intervals: Intervals | None = IMMEDIATE
) -> Alerting:
    """Write the configurations into `directory`, start both programs on loopback, and wait until they are ready.

    `targets` are `host:port` of /metrics; `pagerduty_url` is a whole Events v2 URL; `intervals` None leaves those of
    the shipped files. Blocks for well under a second. Raises UserError when a program is missing or does not start;
    nothing is left running then.
    """
    programs = find_programs()
    if programs is None:
        raise UserError("Prometheus or Alertmanager is missing: apt-get install prometheus prometheus-alertmanager")
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        alertmanager, alertmanager_port = _start_alertmanager(
            programs.alertmanager, directory, pagerduty_url, intervals
        )
        undo.callback(alertmanager.stop)
        _wait_until_ready(alertmanager, alertmanager_port, directory / "alertmanager.log")
        port = free_port()
        config = directory / "prometheus.yaml"
        config.write_text(prometheus_config(targets, f"127.0.0.1:{alertmanager_port}", intervals))
        command = [programs.prometheus, f"--config.file={config}", f"--storage.tsdb.path={directory / 'prometheus'}"]
        # It finds Alertmanager 5 s after its start, and would send what fired before that only a minute later.
        command.append("--rules.alert.resend-delay=5s")
        # Without it a restart begins waits of up to 10 minutes anew, which ends a page in the middle of its fault.
        command.append("--rules.alert.for-grace-period=10s")
        prometheus = start("Prometheus", [*command, *_web(port)], directory / "prometheus.log")
        undo.callback(prometheus.stop)
        _wait_until_ready(prometheus, port, directory / "prometheus.log")
        undo.pop_all()
    return Alerting(
        f"http://127.0.0.1:{port}", f"http://127.0.0.1:{alertmanager_port}", children=(prometheus, alertmanager)
    )


def _start_alertmanager(
    program: str, directory: Path, pagerduty_url: str, intervals: Intervals | None
) -> tuple[Child, int]:
    port = free_port()
    key_file = directory / "pagerduty-routing-key"
    key_file.write_text(LOCAL_ROUTING_KEY)
    config = directory / "alertmanager.yaml"
    config.write_text(alertmanager_config(pagerduty_url, key_file, intervals))
    command = [program, f"--config.file={config}", f"--storage.path={directory / 'alertmanager'}"]
    # Without the empty cluster address the gossip port opens on every interface.
    child = start("Alertmanager", [*command, "--cluster.listen-address=", *_web(port)], directory / "alertmanager.log")
    return child, port


def _web(port: int) -> list[str]:
    # Without an external URL the pages carry this machine's name.
    return [f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url=http://127.0.0.1:{port}", "--log.level=warn"]


def _wait_until_ready(child: Child, port: int, log: Path, seconds: float = 30.0) -> None:
    give_up = monotonic() + seconds
    wait_for_port(child, port, log, seconds)
    while monotonic() < give_up:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
        try:
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass  # it listens before it answers
        finally:
            connection.close()
        time.sleep(0.05)
    raise UserError(f"the {child.name} was not ready after {seconds:.0f} s; its log is {log}")
