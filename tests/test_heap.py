import platform
import subprocess
import sys


def test_glibc_takes_both_thresholds() -> None:
    program = "from monitor.heap import keep_freed_memory; print(keep_freed_memory())"  # for a whole process
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")
