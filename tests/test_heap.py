import platform
import subprocess
import sys

import pytest


def test_glibc_takes_both_thresholds() -> None:
    program = "from monitor.heap import keep_freed_memory; print(keep_freed_memory())"  # for a whole process
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")


def test_cycles_of_a_running_process_are_found_within_ten_thousand_objects() -> None:
    program = """
import gc, weakref
from monitor.heap import look_for_cycles

class Connection: pass

look_for_cycles()
one = Connection()
one.itself, seen = one, weakref.ref(one)
del one
kept = [[] for _ in range(10_001)]
print(seen() is None, gc.get_freeze_count() > 0)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to give memory back")
def test_what_is_free_goes_back_to_the_system_although_something_lives_above_it() -> None:
    program = """
from monitor.heap import give_back, keep_freed_memory

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 >> 20

keep_freed_memory()
held = [bytes([i % 251]) * 2**20 for i in range(200)]
above = b"x" * 2**20
del held
before = resident()
give_back()
print(before - resident())
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert int(said) > 150
