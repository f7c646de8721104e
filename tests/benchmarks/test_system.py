import os

import pytest

from benchmarks.memory import megabytes_of, peak_mb, resident_mb
from benchmarks.system import sample, samples
from monitor.errors import UserError

TEXT = """# HELP vigil_lag_records x
vigil_lag_records{partition="0",topic="ai.telemetry"} 7.0
vigil_lag_records{partition="1",topic="ai.telemetry"} 1e+06
vigil_lag_records_more 3.0
vigil_scored_until_timestamp_seconds 1.7e+09
"""
STATUS = "Name:\tpython\nVmHWM:\t  2000 kB\nVmRSS:\t  1000 kB\n"


def test_samples_are_those_of_the_metric_alone() -> None:
    assert samples(TEXT, "vigil_lag_records") == {
        'partition="0",topic="ai.telemetry"': 7.0,
        'partition="1",topic="ai.telemetry"': 1e6,
    }
    assert samples(TEXT, "vigil_scored_until_timestamp_seconds") == {"": 1.7e9}


def test_a_sample_is_found_in_whatever_order_its_labels_are_named() -> None:
    assert sample(TEXT, "vigil_lag_records", topic="ai.telemetry", partition="1") == 1e6
    assert sample(TEXT, "vigil_lag_records", topic="ai.telemetry") == 0.0


def test_memory_is_in_megabytes_of_a_million_bytes() -> None:
    assert megabytes_of(STATUS, "VmRSS") == 1.024
    assert megabytes_of(STATUS, "VmHWM") == 2.048
    with pytest.raises(ValueError, match="ended"):
        megabytes_of("State:\tZ (zombie)\n", "VmRSS")


def test_this_process_holds_at_most_its_peak() -> None:
    assert 1 < resident_mb(os.getpid()) <= peak_mb(os.getpid())


def test_memory_of_a_process_that_is_gone_is_an_error_that_says_so() -> None:
    with pytest.raises(UserError, match="ended while"):
        resident_mb(2**22 + 1)
