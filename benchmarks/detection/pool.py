"""Two workers, and a line of progress now and then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.pool import Pool
from typing import TypeVar

from benchmarks.common import say

A = TypeVar("A")
B = TypeVar("B")
WORKERS = 2
_LINES = 5


@dataclass(frozen=True, slots=True)
class Workers:
    """A pool and its way of calling."""

    pool: Pool

    def each(self, name: str, function: Callable[[A], B], tasks: Sequence[A]) -> list[B]:
        """The function's answers in the order of the tasks; says how far it is."""
        answers = []
        for answer in self.pool.imap(function, tasks, chunksize=1):
            answers.append(answer)
            if len(answers) * _LINES // len(tasks) > (len(answers) - 1) * _LINES // len(tasks):
                say(f"{name}: {len(answers):,} of {len(tasks):,}")
        return answers
