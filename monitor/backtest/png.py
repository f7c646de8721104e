"""A view as PNG, through matplotlib, which only this file needs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.backtest.changes import Deployed
from monitor.backtest.view import View, highest_evidence
from monitor.errors import UserError

BINS = 900
"""Bins that can be told apart in the picture."""


def write_png(shown: View, changes: Sequence[Deployed], out: Path) -> None:
    """Draw the rate with its band, and below it the statistic against its threshold; `changes` as lines across both.

    Raises UserError. Blocking.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # from the extra
        from matplotlib.figure import Figure  # noqa: PLC0415  # from the extra
    except ImportError as error:
        raise UserError("--out needs matplotlib: pip install 'vigil[plot]'; without --out it is drawn here") from error
    figure = Figure(figsize=(11.0, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    rate, evidence = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.0))
    times = [datetime.fromtimestamp(int(at), UTC) for at in shown.times]
    _rate(rate, shown, times)
    _evidence(evidence, shown, times)
    for change in changes:
        at = datetime.fromtimestamp(change.at, UTC)
        for axes in (rate, evidence):
            axes.axvline(at, color="tab:purple", linewidth=1.0, linestyle=":")
        rate.annotate(
            change.what, (at, 0.98), xycoords=rate.get_xaxis_transform(), rotation=90, va="top", ha="right", fontsize=7
        )
    try:
        figure.savefig(out, dpi=110, format="png")
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror})") from error


def _rate(axes: Any, shown: View, times: list[datetime]) -> None:
    axes.fill_between(times, shown.low, shown.high, color="tab:blue", alpha=0.15, label="99 % band", step="post")
    axes.plot(times, shown.expected, color="tab:blue", linewidth=1.2, label="baseline")
    axes.plot(times, shown.observed, ".", color="black", markersize=3.0, label="observed")
    _shade(axes, shown, times)
    axes.set_title(f"{shown.feature}  {shown.kpi}", loc="left")
    axes.set_ylabel(f"rate per {shown.seconds * shown.windows:,} s")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3%}")
    axes.legend(loc="upper left", fontsize=8)


def _evidence(axes: Any, shown: View, times: list[datetime]) -> None:
    axes.plot(times, shown.log_e, color="black", linewidth=1.0, label="statistic")
    axes.plot(times, shown.threshold, color="tab:red", linewidth=1.0, linestyle="--", label="threshold")
    axes.set_ylim(0.0, highest_evidence(shown))
    _shade(axes, shown, times)
    for mark in shown.marks:
        axes.axvline(times[mark.opened], color="tab:red", linewidth=1.0)
        if mark.onset is not None:
            axes.axvline(times[mark.onset], color="tab:orange", linewidth=1.0)
    axes.set_ylabel("evidence in nats")
    axes.set_xlabel("UTC; red: page, orange: since, shaded: incident open")
    axes.tick_params(axis="x", rotation=20)
    axes.legend(loc="upper left", fontsize=8)


def _shade(axes: Any, shown: View, times: list[datetime]) -> None:
    where = shown.open
    axes.fill_between(times, 0, 1, where=where, color="tab:red", alpha=0.07, transform=axes.get_xaxis_transform())
