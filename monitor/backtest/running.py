"""All histories of a source through a policy, on all cores."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from monitor.backtest.history import Source, Task
from monitor.backtest.scoring import Outcome, score_history
from monitor.backtest.values import score_values
from monitor.policy import Policy


def run_policy(
    source: Source, policy: Policy, begin: int, tick: Callable[[int], None], cores: int | None = None
) -> Outcome:
    """What the policy would have paged from `begin`, Unix seconds, on; pages in the order in which they came.

    `tick` is told of windows times series that were gone through. On so many cores, all without a number; what is
    found is the same. Raises UserError. Blocking.
    """
    found = Outcome()
    for outcome in _outcomes(source, lambda task: _score(source, task, policy, begin), cores or os.cpu_count() or 1):
        found.add(outcome)
        tick(outcome.windows)
    found.pages.sort(key=lambda page: page.key)
    found.cold.sort()
    return found


def _outcomes(source: Source, score: Callable[[Task], Outcome], cores: int) -> Iterator[Outcome]:
    """Threads are enough: the compiled code lets go of Python's lock. No more histories are laid out than scored."""
    waiting = iter(source.tasks)
    with ThreadPoolExecutor(cores, "backtest") as pool:
        running: set[Future[Outcome]] = {pool.submit(score, task) for task in islice(waiting, cores)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if (task := next(waiting, None)) is not None:
                        running.add(pool.submit(score, task))
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _score(source: Source, task: Task, policy: Policy, begin: int) -> Outcome:
    history = source.read(task)
    if not isinstance(history, list):
        return score_history(history, policy, begin)
    found = Outcome()
    for values in history:
        found.add(score_values(values, policy, begin, len(history)))
    found.watched_features = max(found.watched.values(), default=0)
    return found
