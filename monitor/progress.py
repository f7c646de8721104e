"""One progress line for long work: on a terminal a bar, in a log a line now and then."""

import sys
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from monitor.clock import Timer, monotonic

T = TypeVar("T")
_BAR = 30


class Progress:
    """Shows how much of `total` is done. Use as a context manager; `add` is cheap."""

    def __init__(self, label: str, total: int, out: TextIO | None = None, timer: Timer = monotonic) -> None:
        self.label, self.total, self.done = label, max(total, 1), 0
        self._out = sys.stderr if out is None else out
        self._timer = timer
        self._started = self._shown = timer()
        self._terminal = self._out.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._show(last=True)

    def add(self, count: int = 1) -> None:
        """Count some more work as done."""
        self.done += count
        if self._timer() - self._shown >= (0.1 if self._terminal else 5.0):
            self._show()

    def _show(self, last: bool = False) -> None:
        self._shown = self._timer()
        share = min(self.done / self.total, 1.0)
        rate = self.done / max(self._shown - self._started, 1e-9)
        text = f"{self.label} {self.done:,}/{self.total:,} ({share:.0%}, {rate:,.0f}/s)"
        if self._terminal:
            bar = "#" * round(_BAR * share)
            self._out.write(f"\r{self.label} [{bar:<{_BAR}}] {self.done:,}/{self.total:,} {rate:,.0f}/s\x1b[K")
            self._out.write("\n" if last else "")
        else:
            self._out.write(text + "\n")
        self._out.flush()


def track(label: str, items: Iterable[T], total: int, out: TextIO | None = None) -> Iterator[T]:
    """The items, with a progress line while they are consumed."""
    with Progress(label, total, out) as progress:
        for item in items:
            yield item
            progress.add()
