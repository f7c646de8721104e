import random
import signal
from collections.abc import Callable
from typing import cast

import pytest

from benchmarks import harm
from benchmarks.brokers import Kafka
from tests.e2e.processes import Served


class Broker:
    """Takes note of how it was ended."""

    def __init__(self) -> None:
        self.ended: list[signal.Signals] = []

    def restart(self, how: signal.Signals, pause: float) -> None:
        assert 0.0 <= pause <= 2 * harm.SESSION
        self.ended.append(how)


def harm_with(answers: list[dict[int, int]], broker: Broker | None = None) -> harm.Harm:
    """Harm to no worker, whose store answers so, the last answer again and again."""

    def claimed() -> dict[int, int]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    asked: Callable[[], dict[int, int]] = claimed
    return harm.Harm([], cast("Served", None), random.Random(1), asked, cast("Kafka | None", broker))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harm, "_STALLED_AFTER", 1.2)


def test_a_broker_is_ended_by_both_signals_in_turn() -> None:
    broker = Broker()
    done = harm_with([{0: 1}], broker)
    done.restart_broker()
    done.restart_broker()
    assert broker.ended == [signal.SIGKILL, signal.SIGTERM]
    assert done.done["broker_restarts"] == 2


def test_one_partition_that_stands_still_is_a_stall() -> None:
    done = harm_with([{0: 5, 1: 5}, {0: 9, 1: 5}], Broker())
    done.restart_broker()
    assert done.done["stalls_after_restarts"] == 1
    assert done.recovered == []


def test_workers_have_recovered_when_every_partition_is_read_on() -> None:
    done = harm_with([{0: 5, 1: 5}, {0: 9, 1: 5}, {0: 9, 1: 6}], Broker())
    done.restart_broker()
    assert done.done["stalls_after_restarts"] == 0
    assert len(done.recovered) == 1


def test_a_store_that_does_not_answer_is_no_recovery() -> None:
    done = harm_with([{}, {}], Broker())
    done.restart_broker()
    assert done.recovered == []


def test_a_broker_that_would_lose_its_data_is_not_restarted() -> None:
    done = harm_with([{0: 5}])
    done.restart_broker()
    assert done.done["broker_restarts"] == 0
