"""What only Apache Kafka does to a worker: records that expire, topics that come back, transactions."""

import re
import signal
import subprocess
from collections import Counter

from kafka import KafkaProducer, TopicPartition

from tests.e2e.ask import ask
from tests.e2e.bad_input_checks import check_counts, dead_letters, metrics, send, total
from tests.e2e.bad_records import PARTITIONS, TELEMETRY, Case, Cell, Position, good
from tests.e2e.processes import Workers, end, wait_until
from tests.e2e.recount import stored
from tests.kafka.broker import admin_of, renew_topics

KEPT = 20
"""Records of each partition that do not expire."""
SKIPPED = "SELECT sum(skipped) AS n FROM windows WHERE row_kind = 'range'"


def send_good(workers: Workers, number: int) -> dict[Position, Case]:
    return send(workers.broker, [good() for _ in range(number)])


def expire(workers: Workers, sent: dict[Position, Case], kept: int) -> dict[Position, Case]:
    """Delete the oldest records until each partition has this many, as retention does; what is left of these."""
    ends = {number: 1 + max(at[2] for at in sent if at[1] == number) for number in range(PARTITIONS)}
    admin = admin_of(workers.broker)
    try:
        admin.delete_records({TopicPartition(TELEMETRY, number): last - kept for number, last in ends.items()})
    finally:
        admin.close()
    return {at: case for at, case in sent.items() if at[2] >= ends[at[1]] - kept}


def read_all(workers: Workers, sent: dict[Position, Case]) -> subprocess.Popen[bytes]:
    """A worker that has stored these."""
    worker = workers.start()
    wait_until(lambda: stored(workers.dsn) == len(sent), 40, f"{len(sent)} records stored")
    return worker


def cells_of(sent: dict[Position, Case]) -> Counter[Cell]:
    return Counter(case.cell for case in sent.values() if case.cell is not None)


def tell(worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    worker.send_signal(signal.SIGTERM)
    return worker


def transact(workers: Workers, commit: bool) -> None:
    """Forty good records in one transaction."""
    producer = KafkaProducer(bootstrap_servers=workers.broker, transactional_id="test", acks="all")
    try:
        producer.init_transactions()
        producer.begin_transaction()
        for number in range(40):
            producer.send(TELEMETRY, good().value, partition=number % PARTITIONS)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    finally:
        producer.close(timeout=5)


def test_records_that_expired_while_no_worker_ran_are_counted_as_skipped(kafka_workers: Workers) -> None:
    workers = kafka_workers
    first = send_good(workers, 400)
    end(tell(read_all(workers, first)))
    later = send_good(workers, 4000)
    left = expire(workers, later, KEPT)
    lost = len(later) - len(left)
    assert lost == 4000 - PARTITIONS * KEPT
    worker = read_all(workers, first | left)
    assert total(metrics(workers), "vigil_offsets_skipped_total") == lost
    assert int(ask(workers.dsn, SKIPPED)[0]["n"]) == lost
    assert worker.poll() is None
    check_counts(workers, cells_of(first | left), len(first | left), 0)


def test_records_that_expire_under_a_worker_that_is_too_slow(kafka_workers: Workers) -> None:
    workers = kafka_workers
    first = send_good(workers, 400)
    worker = read_all(workers, first)
    worker.send_signal(signal.SIGSTOP)
    later = send_good(workers, 4000)
    expire(workers, later, KEPT)
    worker.send_signal(signal.SIGCONT)
    both = "SELECT sum(records + skipped) AS n, sum(skipped) AS lost FROM windows WHERE row_kind = 'range'"
    wait_until(lambda: int(ask(workers.dsn, both)[0]["n"]) == 4400, 40, "all offsets are accounted for")
    lost = int(ask(workers.dsn, both)[0]["lost"])
    # A fetch that was on its way brought some of them.
    assert 0 < lost <= 4000 - PARTITIONS * KEPT
    assert total(metrics(workers), "vigil_offsets_skipped_total") == lost
    assert worker.poll() is None
    assert int(ask(workers.dsn, "SELECT count() AS n FROM events")[0]["n"]) == 4400 - lost
    assert int(ask(workers.dsn, "SELECT count() AS n FROM offset_audit WHERE gap != 0")[0]["n"]) == 0


def test_a_topic_that_came_back_while_no_worker_ran_stops_the_next_one(kafka_workers: Workers) -> None:
    workers = kafka_workers
    end(tell(read_all(workers, send_good(workers, 400))))
    renew_topics(workers.broker, PARTITIONS)
    send_good(workers, 40)
    assert workers.start().wait(60) == 2
    assert re.search(r"CRITICAL.*ai\.telemetry/\d.*recreated", workers.log())
    assert "Traceback" not in workers.log()


# What does not hold yet. Each becomes an ordinary test when it does.


def test_a_topic_that_comes_back_ends_a_running_worker(kafka_workers: Workers) -> None:
    workers = kafka_workers
    worker = read_all(workers, send_good(workers, 400))
    renew_topics(workers.broker, PARTITIONS)
    send_good(workers, 40)
    wait_until(lambda: worker.poll() is not None, 20, "the worker ends")
    assert worker.returncode == 2
    assert "recreated" in workers.log()


def test_a_worker_catches_up_with_a_log_whose_records_have_all_expired(kafka_workers: Workers) -> None:
    workers = kafka_workers
    first = send_good(workers, 400)
    end(tell(read_all(workers, first)))
    assert expire(workers, send_good(workers, 400), 0) == {}
    workers.start()
    wait_until(lambda: workers.log().count("metrics on") == 2, 30, "the second worker serves its metrics")
    wait_until(lambda: "vigil_lag_records{" in metrics(workers), 30, "the worker looks at the end")
    wait_until(lambda: total(metrics(workers), "vigil_lag_records") == 0, 8, "no lag")
    send_good(workers, 40)
    wait_until(lambda: total(metrics(workers), "vigil_offsets_skipped_total") == 400, 8, "the loss is counted")
    assert "expired before they were read" in workers.log()


def test_a_worker_catches_up_with_a_transaction(kafka_workers: Workers) -> None:
    transact(kafka_workers, commit=True)
    kafka_workers.start()
    wait_until(lambda: total(metrics(kafka_workers), "vigil_records_total") == 40, 30, "all are read")
    wait_until(lambda: "vigil_lag_records{" in metrics(kafka_workers), 8, "the worker looks at the end")
    wait_until(lambda: total(metrics(kafka_workers), "vigil_lag_records") == 0, 8, "no lag")


def test_an_aborted_transaction_is_not_counted(kafka_workers: Workers) -> None:
    transact(kafka_workers, commit=False)
    sent = send_good(kafka_workers, 40)
    kafka_workers.start()
    wait_until(lambda: total(metrics(kafka_workers), "vigil_records_total") >= 40, 30, "all are read")
    wait_until(lambda: stored(kafka_workers.dsn) >= 40, 10, "they are stored")
    assert stored(kafka_workers.dsn) == len(sent)


def test_a_worker_told_to_end_leaves_the_dead_letters_it_holds_to_the_next(kafka_workers: Workers) -> None:
    worker = kafka_workers.start(FLUSH_INTERVAL="60")
    send(kafka_workers.broker, [Case(TELEMETRY, b"{", "not_json")])
    wait_until(lambda: total(metrics(kafka_workers), "vigil_records_total") == 1, 30, "it is read")
    assert end(tell(worker)) == 0
    kafka_workers.start()
    assert len(dead_letters(kafka_workers.broker, 1)) == 1
