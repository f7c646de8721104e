"""The intake with the scanner and without: both must say the same."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from monitor import intake
from monitor.scan.scanner import Scanned, Scanner


def both_ways(outcome: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, int]:
    """What comes out with the scanner and without, and how many records the scanner read."""
    scanned: list[int] = []
    scan = Scanner.scan

    def watched(self: Scanner, values: Sequence[bytes | None]) -> Scanned:
        found = scan(self, values)
        scanned.append(len(found))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "scan", watched)
        whole = outcome()
    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "scan", nothing)
        return whole, outcome(), sum(scanned)


def nothing(_: Scanner, values: Sequence[bytes | None]) -> Scanned:
    """A scanner that reads no record."""
    return intake.NOTHING_SCANNED
