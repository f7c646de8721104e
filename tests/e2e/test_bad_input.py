"""Every kind of bad input, through a real broker into a real worker: one dead letter each, and nothing else happens."""

import time
from collections import Counter

from tests.e2e.ask import ask
from tests.e2e.bad_input_checks import check_counts, check_letters, check_no_trace, finish, metrics, send, total
from tests.e2e.bad_records import CANARY, TELEMETRY, TRACES, Case, everything, good
from tests.e2e.processes import Workers, wait_until


def test_every_bad_record_becomes_one_dead_letter_and_every_good_one_is_counted(workers: Workers) -> None:
    cases = list(everything())
    sent = send(workers.broker, cases)
    zipped = [good() for _ in range(50)] + [Case(TELEMETRY, b"{", "not_json")] * 50
    sent |= send(workers.broker, zipped, compression_type="gzip")
    for logged_ms in (0, 32_503_680_000_000, 10**17, 2**63 - 1):  # the epoch, the year 3000, and beyond
        sent |= send(workers.broker, [good() for _ in range(8)], logged_ms)
    worker = workers.start()
    text = finish(workers, worker, len(sent))
    bad_ones = [case for case in sent.values() if case.reason is not None]
    assert len(bad_ones) > 300
    assert total(text, "vigil_dead_letters_total") == len(bad_ones)
    assert total(text, "vigil_insert_failures_total") == 0
    cells = Counter(case.cell for case in sent.values() if case.cell is not None)
    check_letters(workers, sent)
    check_counts(workers, cells, cells.total(), len(bad_ones))
    others = ask(workers.dsn, "SELECT (SELECT count() FROM changes) + (SELECT count() FROM reviews) AS n")
    assert int(others[0]["n"]) == sum(case.reason is None and case.topic != TELEMETRY for case in sent.values())
    check_no_trace(workers, text, b"feature-1")


# Chance.


def survives(workers: Workers, sent: int, **settings: str) -> bool:
    """Whether the worker takes this many records and lives on."""
    worker = workers.start(**settings)
    wait_until(lambda: "Worker ready" in workers.log(), 90, "the worker is ready")
    wait_until(
        lambda: worker.poll() is not None or total(metrics(workers), "vigil_records_total") >= sent, 30, "all are read"
    )
    if worker.poll() is None:
        time.sleep(1.0)  # a flush
    return worker.poll() is None


def test_a_batch_compressed_with_lz4_stops_no_worker(workers: Workers) -> None:
    sent = send(workers.broker, [good() for _ in range(200)], compression_type="lz4")
    assert survives(workers, len(sent))


def test_a_log_of_level_debug_holds_no_content(workers: Workers) -> None:
    sent = send(workers.broker, [Case(TELEMETRY, CANARY.encode(), "not_json")])
    assert survives(workers, len(sent), LOG_LEVEL="debug")
    assert not any(trace.decode() in workers.log() for trace in TRACES)
