"""The picture of the README: delay against false pages, from results/detection.json to docs/pictures/detection.svg.

`python -m benchmarks.detection.picture` writes it. Both axes are logarithmic; lower left is better.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT, guarded, say
from benchmarks.detection.table import OURS, SHIPPED, TUNED
from benchmarks.detection.worlds import DOUBLED, MIDDLE
from monitor.errors import UserError

TARGET = ROOT / "docs" / "pictures" / "detection.svg"
_CELL = f"{MIDDLE.name} {DOUBLED.name}"
_WIDTH, _HEIGHT = 860, 500
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 640, 70, 420
_PAGES, _SECONDS = (2e-4, 3e3), (30.0, 1.2e5)
_TIMES = {"30 s": 30, "1 min": 60, "5 min": 300, "30 min": 1800, "3 h": 10800, "1 day": 86400}
_TITLE = "A rate of 2 % doubles, at 20 events a second: who says so, when?"
_NUMBERS = "123456789"
_STYLE = """
    .page { fill: #ffffff; } text { fill: #1f2328; }
    .small { font-size: 12px; fill: #57606a; } .title { font-weight: bold; font-size: 16px; }
    .grid { stroke: #d0d7de; stroke-width: 1; } .frame { fill: none; stroke: #8c959f; }
    .ours { stroke: #0969da; fill: #0969da; } .line { fill: none; stroke-width: 2.5; }
    .oracle { stroke: #57606a; stroke-dasharray: 6 4; } .tuned { fill: #bc4c00; stroke: #bc4c00; }
    .shipped { fill: none; stroke: #bc4c00; stroke-width: 1.8; } .whisker { stroke-width: 1.5; opacity: 0.55; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; } text { fill: #e6edf3; }
      .small { fill: #9198a1; } .grid { stroke: #30363d; } .frame { stroke: #656c76; }
      .ours { stroke: #4493f8; fill: #4493f8; } .line { fill: none; } .oracle { stroke: #9198a1; }
      .tuned { fill: #f0883e; stroke: #f0883e; } .shipped { fill: none; stroke: #f0883e; }
    }"""


@dataclass(frozen=True, slots=True)
class Point:
    """A detector at one setting: pages per feature-week with their interval, and the mean delay in seconds."""

    kind: str
    label: str
    pages: float
    interval: tuple[float, float]
    seconds: float


def points(peers: Mapping[str, Mapping[str, Any]]) -> list[Point]:
    """The peers at the picture's cell; one that was always paging has no delay and is left out."""
    found = []
    for name, row in peers.items():
        seconds = row["cells"][_CELL]["ours_s"]
        if name == OURS or seconds is None:
            continue
        label, _, kind = name.rpartition(", ")
        pages = row["pages_by_cell"][MIDDLE.name]
        found.append(Point(kind, label, pages["value"], tuple(pages["interval"]), seconds))
    return found


def draw(curve: Sequence[Mapping[str, Any]], peers: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole SVG."""
    shown = points(peers)
    numbers = {label: _NUMBERS[place] for place, label in enumerate(dict.fromkeys(one.label for one in shown))}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="14">',
        f"  <style>{_STYLE}\n  </style>",
        f'  <rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
        *_axes(),
        *_lines(curve),
        *(_mark(one, numbers[one.label]) for one in shown),
        *_legend(numbers),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes() -> list[str]:
    parts = [
        f'  <text class="title" x="{_LEFT}" y="28">{_TITLE}</text>',
        f'  <text class="small" x="{_LEFT}" y="50">Mean delay against false pages; simulated, with a daily season. '
        "Lower left is better.</text>",
    ]
    for label, seconds in _TIMES.items():
        parts.append(f'  <line class="grid" x1="{_LEFT}" y1="{_y(seconds):.1f}" x2="{_RIGHT}" y2="{_y(seconds):.1f}"/>')
        parts.append(
            f'  <text class="small" x="{_LEFT - 8}" y="{_y(seconds) + 4:.1f}" text-anchor="end">{label}</text>'
        )
    for power in range(-3, 4):
        x, label = _x(10.0**power), f"1/{10**-power}" if power < 0 else f"{10**power}"
        parts.append(f'  <line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_BOTTOM}"/>')
        parts.append(f'  <text class="small" x="{x:.1f}" y="{_BOTTOM + 20}" text-anchor="middle">{label}</text>')
    middle = (_LEFT + _RIGHT) / 2
    parts.append(
        f'  <text x="{middle}" y="{_BOTTOM + 46}" text-anchor="middle">false pages per feature and week</text>'
    )
    parts.append(f'  <rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}"/>')
    return parts


def _lines(curve: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ours and the optimum's, at the pages that were asked for; whiskers show the pages that came."""
    asked = [row["pages_asked_for"] for row in curve]
    ours = [(_x(pages), _y(row["ours_s"])) for pages, row in zip(asked, curve, strict=True)]
    best = [(_x(pages), _y(row["oracle_s"])) for pages, row in zip(asked, curve, strict=True)]
    parts = [_path("line oracle", best), _path("line ours", ours)]
    for row, (x, y) in zip(curve, ours, strict=True):
        parts.append(_whisker("ours", row["pages_per_feature_week"]["interval"], y))
        parts.append(f'  <circle class="ours" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    return parts


def _path(kind: str, places: Sequence[tuple[float, float]]) -> str:
    return f'  <polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'


def _mark(point: Point, number: str) -> str:
    """At the measured pages; where there were none, at the upper bound."""
    x, y = _x(point.pages or point.interval[1]), _y(point.seconds)
    where = f'cx="{x:.1f}" cy="{y:.1f}"'
    return "\n".join(
        [
            _whisker(point.kind, point.interval, y),
            f'  <circle class="{point.kind}" {where} r="5"><title>{point.label}, {point.kind}</title></circle>',
            f'  <text class="small" x="{x + 8:.1f}" y="{y - 6:.1f}">{number}</text>',
        ]
    )


def _whisker(kind: str, interval: Sequence[float], y: float) -> str:
    low, high = _x(interval[0]), _x(interval[1])
    return f'  <line class="whisker {kind}" x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}"/>'


def _legend(numbers: Mapping[str, str]) -> list[str]:
    x, y = _RIGHT + 20, _TOP + 10
    parts = [
        f'  <line class="line ours" x1="{x}" y1="{y}" x2="{x + 26}" y2="{y}"/>',
        f'  <text x="{x + 34}" y="{y + 5}">Vigil</text>',
        f'  <line class="line oracle" x1="{x}" y1="{y + 24}" x2="{x + 26}" y2="{y + 24}"/>',
        f'  <text x="{x + 34}" y="{y + 29}">the optimum</text>',
        f'  <circle class="{TUNED}" cx="{x + 13}" cy="{y + 48}" r="5"/>',
        f'  <text x="{x + 34}" y="{y + 53}">tuned to one a week</text>',
        f'  <circle class="{SHIPPED}" cx="{x + 13}" cy="{y + 72}" r="5"/>',
        f'  <text x="{x + 34}" y="{y + 77}">as shipped</text>',
    ]
    for place, (label, number) in enumerate(numbers.items()):
        first, _, rest = label.partition(", ")
        parts.append(f'  <text class="small" x="{x}" y="{y + 112 + 20 * place}">{number} {first}</text>')
        if rest:
            parts.append(f'  <text class="small" x="{x + 16}" y="{y + 128 + 20 * place}">on the {rest}</text>')
    note = _TOP + 270
    for place, text in enumerate(
        ("Bars: 95 % intervals of the", "measured pages. Circles", "with a bar to the left edge:", "no page came.")
    ):
        parts.append(f'  <text class="small" x="{x}" y="{note + 17 * place}">{text}</text>')
    return parts


def _x(pages: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * _share(pages, _PAGES)


def _y(seconds: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * _share(seconds, _SECONDS)


def _share(value: float, ends: tuple[float, float]) -> float:
    """Where between the ends, by logarithm; values outside are drawn at the edge."""
    low, high = ends
    return math.log(min(max(value, low), high) / low) / math.log(high / low)


def main(source: Path = RESULTS / "detection.json", target: Path = TARGET) -> None:
    """Draw the last full run. Raises UserError when there is none."""
    if not source.exists():
        raise UserError("there is no full run to draw; run `make bench-detection`")
    result = json.loads(source.read_text())
    target.parent.mkdir(exist_ok=True)
    target.write_text(draw(result["curve"], result["peers"]))
    say(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    raise SystemExit(guarded(main))
