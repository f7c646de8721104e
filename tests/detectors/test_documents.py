"""What docs/detection.md says of the detector is what the detector does."""

import math
import re
from pathlib import Path

from detectors.rows import ABSORBED, HYPOTHESES, RATIOS
from detectors.statespace import CLOSE_AT

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "detection.md").read_text("utf-8").split())


def test_every_hypothesis_is_named_and_they_are_twenty() -> None:
    assert HYPOTHESES == 20
    [sentence] = re.findall(r"Twenty hypotheses say what else might be: (.+?) of what it was\.", TEXT)
    jumps, moves = sentence.split("or its level moves")
    for said, absorbed in ((jumps, 0.0), (moves, 1.0)):
        numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", said)]
        assert sorted(numbers) == sorted(RATIOS[absorbed == ABSORBED].tolist())


def test_the_odds_at_which_an_incident_closes_are_told() -> None:
    assert f"at odds of one false ending in {round(math.exp(CLOSE_AT)):,} windows" in TEXT
