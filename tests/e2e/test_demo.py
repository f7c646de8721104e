"""`vigil demo`, as a newcomer runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.alerting import find_programs
from tests.e2e.processes import wait_until
from tests.programs import ALERTMANAGER, PROMETHEUS, needs

DEMO = [sys.executable, "-m", "monitor.cli", "demo"]


@pytest.fixture(scope="module", name="outcome")
def _outcome() -> dict[str, Any]:
    done = subprocess.run(
        [*DEMO, "--seconds", "60", "--inject-at", "22", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_record_is_stored_refused_or_a_repeat(outcome: dict[str, Any]) -> None:
    assert outcome["sent"] > 600  # at night there is less of it
    assert outcome["dead_letters"] > 0
    assert outcome["duplicates"] > 0
    assert outcome["stored"] == outcome["sent"] - outcome["dead_letters"] - outcome["duplicates"]


def test_the_injected_incident_is_found_and_no_other(outcome: dict[str, Any]) -> None:
    found = [(incident["feature"], incident["kpi"]) for incident in outcome["incidents"]]
    assert found == [("support-chat", "refusal_rate")]
    assert 0 < outcome["seconds_to_incident"] <= 35


@needs(*PROMETHEUS)
@needs(*ALERTMANAGER)
def test_the_page_arrives_soon_after_the_incident(outcome: dict[str, Any]) -> None:
    assert outcome["pages"] == 1
    assert outcome["seconds_to_page"] - outcome["seconds_to_incident"] <= 10


@pytest.mark.skipif(find_programs() is not None, reason="Prometheus and Alertmanager are here, so pages arrive")
def test_without_alertmanager_no_page_is_claimed(outcome: dict[str, Any]) -> None:
    assert (outcome["pages"], outcome["seconds_to_page"]) == (0, None)


def descendants(folder: Path) -> list[int]:
    """Processes whose command line or environment names the demo's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in text:
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="SKIPPED: looks for processes in /proc, which only Linux has")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_however_it_ends_no_process_is_left(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "demo"
    with (tmp_path / "out").open("w") as out:
        demo = subprocess.Popen([*DEMO, "--keep", str(folder)], stdout=out, stderr=out)
    wait_until(lambda: "4. Traffic" in (tmp_path / "out").read_text(), 90, "the demo plays")
    time.sleep(2.0)
    assert len(descendants(folder)) >= 3
    demo.send_signal(how)
    code = demo.wait(60)
    assert code == (0 if how == signal.SIGINT else -9)
    wait_until(lambda: not descendants(folder), 20, "all of them end")
