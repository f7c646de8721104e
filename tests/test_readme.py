"""The README's generated blocks are what their sources say."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.kpis import KPIS, counts
from schemas.outcomes import interaction_mask
from schemas.telemetry import TELEMETRY, Interaction

ROOT = Path(__file__).parent.parent


def test_generated_blocks_are_current() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["demo", "kpis", "settings", "crash"])
def test_a_generated_block_is_there_and_not_empty(name: str) -> None:
    block = (ROOT / "README.md").read_text().split(f"<!-- begin {name} -->\n")[1].split(f"<!-- end {name} -->")[0]
    assert len(block) > 100


def test_the_smallest_interaction_is_one_and_counts_against_no_kpi_that_pages() -> None:
    blocks = (ROOT / "README.md").read_text().split("```json\n")[1:]
    assert blocks
    for block in blocks:
        event = decode(TELEMETRY, block.split("```")[0].strip().encode())
        assert isinstance(event, Interaction)
        mask = interaction_mask(event)
        assert [kpi.name for kpi in KPIS if kpi.severity == "critical" and counts(kpi, mask)[0]] == []
