import platform
import subprocess
import sys


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
