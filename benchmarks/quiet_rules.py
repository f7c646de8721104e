"""What /metrics said over a day as a test of promtool's, and what promtool says that fired. No I/O.

Prometheus cannot run faster than the wall clock, but promtool evaluates rules with Prometheus' own engine over samples
that it is given. Its time begins at 0, so times that are values are shifted by the start.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

Sample = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels of a series."""
Values = list[float | None]
"""A value for each scrape; None where the series was not there."""
_TARGET = {"job": "vigil", "instance": "quiet-day"}
_BY = ("alertname", "severity", "feature", "kpi", "symptom", "basis", "direction")
"""Labels by which alerts are told apart."""
_TIMES = "_timestamp_seconds"
_GOT = re.compile(r"\{(?P<labels>[^{}]*)\} (?P<value>[0-9.E+-]+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(slots=True)
class Recording:
    """Every scrape of a worker, each series from the first to the last."""

    start: float
    """Unix seconds of the first scrape."""
    every: int
    """Seconds between two."""
    scrapes: int = 0
    series: dict[Sample, Values] = field(default_factory=dict)

    def add(self, shown: Mapping[Sample, float]) -> None:
        """One more scrape; without any series where the worker did not answer."""
        for sample, value in shown.items():
            kept = self.series.setdefault(sample, [])
            kept += [None] * (self.scrapes - len(kept))
            kept.append(value - self.start if sample[0].endswith(_TIMES) else value)
        self.scrapes += 1


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that fired, by the labels that tell alerts apart, and in how many evaluations."""

    labels: tuple[tuple[str, str], ...]
    evaluations: int

    @property
    def severity(self) -> str:
        """The alert's."""
        return dict(self.labels).get("severity", "")

    @property
    def name(self) -> str:
        """Alert, feature and what else there is, as a person would say it."""
        return " ".join(value for label, value in self.labels if label != "severity")


def series_of_rules(rules: Iterable[str]) -> frozenset[str]:
    """The names of the series that these texts of rules read from /metrics."""
    return frozenset(name for text in rules for name in re.findall(r"(?<![\w:])vigil_\w+", text))


def suite(recording: Recording, rule_files: Sequence[str], moments: Sequence[int]) -> str:
    """A test file for promtool that shows what fired up to each of these moments, in seconds after the start.

    promtool has no way to show the result of a query; it is told to expect nothing, and complains of what it got.
    """
    asked = f'sum by ({", ".join(_BY)}) (count_over_time(ALERTS{{alertstate="firing"}}[30d]))'
    every = f"{recording.every}s"
    case = {
        "interval": every,
        "input_series": [
            {"series": _selector(sample), "values": _written(values, recording.scrapes)}
            for sample, values in sorted(recording.series.items(), key=lambda one: _selector(one[0]))
        ],
        "promql_expr_test": [
            {"expr": asked, "eval_time": f"{moment}s", "exp_samples": []} for moment in sorted(moments)
        ],
    }
    return json.dumps({"rule_files": list(rule_files), "evaluation_interval": every, "tests": [case]})  # JSON is YAML


def fired(output: str, moments: Sequence[int]) -> dict[int, list[Fired]]:
    """What promtool complained of, by moment. Raises ValueError where it did not answer for each of them.

    Something always fires: Watchdog.
    """
    parts = re.findall(r"^\s+got: (.*)$", output, re.M)
    if len(parts) != len(moments):
        raise ValueError(f"promtool answered for {len(parts)} of {len(moments)} moments: {output[-500:]}")
    return {moment: _alerts(part) for moment, part in zip(sorted(moments), parts, strict=True)}


def _alerts(text: str) -> list[Fired]:
    found = []
    for match in _GOT.finditer(text):
        labels = dict(_LABEL.findall(match["labels"]))
        kept = tuple((label, labels[label]) for label in _BY if label in labels)
        found.append(Fired(kept, round(float(match["value"]))))
    return sorted(found, key=lambda one: one.labels)


def _selector(sample: Sample) -> str:
    name, labels = sample
    inside = ", ".join(f'{label}="{value}"' for label, value in sorted({**dict(labels), **_TARGET}.items()))
    return f"{name}{{{inside}}}"


def _written(values: Values, scrapes: int) -> str:
    """As promtool reads it. A series that is not in a scrape is stale from there on, as Prometheus does it."""
    whole: list[Any] = [*values, *[None] * (scrapes - len(values))]
    words = []
    known = False
    for value, run in groupby(whole):
        count = len(list(run))
        if value is None:
            words += ["stale", *["_"] * (count - 1)] if known else ["_"] * count
        else:
            words.append(f"{value!r}x{count - 1}" if count > 1 else repr(value))
        known = True
    return " ".join(words)
