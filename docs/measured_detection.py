"""The README's table of what the detector reaches: made of the result file of `make bench-detection`, never typed."""

import json
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent.parent / "benchmarks" / "results" / "detection.json"
_GOALS = {
    "g1": "mean delay over the oracle's, at one false page a feature-week",
    "g2": "the same at one in 1,000 feature-weeks",
    "g3": "false pages per 1,000 feature-weeks at that budget",
    "g4": "pages per feature-week at a budget of 1, in the worst of the noises",
    "g5": "slow ramps to twice the rate: delay over the oracle's, worst cell",
    "g6": "lost telemetry: worst share of the time it may take to be found",
    "g7": "20 of 1,000 features rise by half at once: seconds",
    "g8": "NAB, standard profile",
    "g9": "Microsoft's cloud series: recall at one false episode a week",
    "g10": "10,000 series, one window, one core: milliseconds",
    "g11": "pages per feature-week when only the mix of what is asked moves",
}


def detection_tables() -> str:
    """What the last full `make bench-detection` measured: goals, and the peers at the same budget."""
    if not RESULT.exists():
        return "No full run has been kept yet: `make bench-detection` writes one."
    result = json.loads(RESULT.read_text("utf-8"))
    rows = ["![Delay against false pages, Vigil and six others](docs/pictures/detection.svg)", ""]
    rows += ["| measure | measured (95 %) | goal | |", "|---|---|---|---|"]
    rows += [_goal(name, text, result[name]) for name, text in _GOALS.items() if name in result]
    rows += ["", "| tuned to one false page a week | delay over the oracle's | changes missed |", "|---|---|---|"]
    tuned = {name: one for name, one in result["peers"].items() if not name.endswith(", shipped")}
    for name, one in sorted(tuned.items(), key=lambda item: item[1]["delay_ratio"]):
        called = "**Vigil**" if name == "ours" else name.removesuffix(", tuned")
        rows.append(f"| {called} | x {one['delay_ratio']:.2f} | {one['missed_share']:.1%} |")
    machine = result["machine"]
    rows += ["", f"Seed {result['seed']}, {result['date'][:10]}, {machine['cpu']}, {machine['cores']} cores."]
    return "\n".join(rows)


def _goal(name: str, text: str, found: dict[str, Any]) -> str:
    if found["value"] is None:
        return f"| {name.upper()}: {text} | not measured | {found['goal']} | |"
    interval = found.get("interval")
    spread = "" if interval is None else f" ({interval[0]:g} to {interval[1]:g})"
    met = "met" if found["met"] else "**missed**"
    return f"| {name.upper()}: {text} | {found['value']:g}{spread} | {found['goal']:g} | {met} |"


BLOCKS = {"detection": detection_tables}
