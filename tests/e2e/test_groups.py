"""Several workers, one served store, Apache Kafka: however they come and go, the store equals the topic."""

import signal
import subprocess
from collections.abc import Callable

import pytest

from monitor.ports import free_port
from tests.e2e.ask import ask
from tests.e2e.processes import Workers, end, wait_until
from tests.e2e.recount import check_exact, records, send_slowly, stored
from tests.e2e.scrape import metric
from tests.kafka.broker import renew_topics

RECORDS = 20_000
Process = subprocess.Popen[bytes]


def start_three(workers: Workers) -> list[Process]:
    """Three workers, all of them in the group."""
    started = [workers.start() for _ in range(3)]
    wait_until(lambda: workers.log().count("Worker ready") >= 3, 120, "three workers are ready")
    return started


def play(workers: Workers, seconds: float, ticks: int, tick: Callable[[int], object]) -> None:
    """Send events over some seconds while `tick` does harm; then everything must be stored, exactly."""
    sent = records(seed=ticks, size=RECORDS)
    send_slowly(workers.broker, sent, seconds, tick, ticks)
    wait_until(lambda: stored(workers.dsn) >= RECORDS, 60, f"{RECORDS} records claimed")
    workers.stop()
    check_exact(workers.dsn, sent)


def owners(workers: Workers) -> dict[str, int]:
    """How many partitions each worker has written."""
    rows = ask(
        workers.dsn,
        "SELECT worker, uniqExact(partition) AS n FROM windows "
        "WHERE row_kind = 'range' AND topic = 'ai.telemetry' AND records > 0 GROUP BY worker",
    )
    return {row["worker"]: int(row["n"]) for row in rows}


@pytest.mark.parametrize("partitions", [8, 12])
def test_three_workers_share_the_partitions(group: Workers, partitions: int) -> None:
    renew_topics(group.broker, partitions)
    start_three(group)
    play(group, 15.0, 1, lambda _: None)
    shares = owners(group)
    assert len(shares) == 3
    assert sum(shares.values()) >= partitions  # more when partitions moved while it began


def test_each_of_three_workers_scores_and_not_the_leader_of_the_group_alone(group: Workers) -> None:
    renew_topics(group.broker, 8)
    ports = [free_port() for _ in range(3)]
    for port in ports:  # one after another: the first leads the group, and the others never do
        group.start(METRICS_PORT=str(port))
        wait_until(lambda: group.log().count("metrics on") == len(group.running), 120, "one more is in the group")
    wait_until(
        lambda: all(metric(port, "vigil_scored_until_timestamp_seconds") > 0.0 for port in ports),
        120,
        "each of them has scored a window",
    )


def test_a_rolling_restart(group: Workers) -> None:
    renew_topics(group.broker, 8)
    started = start_three(group)

    def replace(number: int) -> None:
        started[number].send_signal(signal.SIGTERM)
        end(started[number])
        group.start()

    play(group, 24.0, 3, replace)


def test_one_killed_and_one_ended_while_another_joins(group: Workers) -> None:
    renew_topics(group.broker, 8)
    started = start_three(group)

    def harm(number: int) -> None:
        if number == 0:
            group.start()
            started[0].kill()
            started[1].send_signal(signal.SIGTERM)

    play(group, 16.0, 2, harm)
    assert [process.wait(1) for process in started[:2]] == [-9, 0]
