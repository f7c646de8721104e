"""A quiet stretch of simulated time pages nobody, a restart in it neither; and one thing that goes wrong pages alone.

The real intake, store, scorer and metrics, driven by a clock that is told, and the shipped rules on Prometheus' own
engine. CI lives through three hours; `make bench-page` through a day.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import needs

ROOT = Path(__file__).parents[2]
pytestmark = [needs("promtool"), pytest.mark.slow]
HOURS, RESTART, SPIKE = 3.0, 1.2, 2.5


@pytest.fixture(scope="module", name="lived")
def _lived() -> dict[str, Any]:
    """In a process of its own: chDB opens one path per process."""
    asked = ["--hours", str(HOURS), "--restart", str(RESTART), "--spike", str(SPIKE)]
    command = [sys.executable, "-m", "benchmarks.quiet_day", *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_stretch_was_lived_through_and_its_rules_were_evaluated(lived: dict[str, Any]) -> None:
    assert lived["records"] > 100_000
    assert lived["scrapes"] == HOURS * 120 + 1
    assert lived["whole"]["always"] == {"Watchdog": lived["scrapes"]}


def test_nothing_pages_until_something_goes_wrong_and_a_restart_does_not_either(lived: dict[str, Any]) -> None:
    assert lived["quiet"]["pages"] == {}


def test_tickets_of_a_quiet_time_are_about_single_severe_events_only(lived: dict[str, Any]) -> None:
    assert lived["quiet"]["tickets"]  # the simulated features leak now and then, and the shipped policy counts that
    assert {name for name in lived["quiet"]["tickets"] if not name.endswith("count")} == set()


def test_what_goes_wrong_is_the_one_page(lived: dict[str, Any]) -> None:
    assert list(lived["whole"]["pages"]) == ["VigilRefusalSpike support-chat refusal_rate"]
