import shutil
import subprocess
import sys
from pathlib import Path

import detectors

SOURCE = Path(detectors.__file__).parent
PROGRAM = "from detectors.betabinomial import log_density; print(log_density(3.0, 200.0, 0.02, 0.01))"


def run(folder: Path) -> str:
    # Without Python's own cache (-B): it goes by whole seconds, and a test is faster than that.
    found = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", PROGRAM], cwd=folder, check=True, capture_output=True, text=True
    )
    return found.stdout


def test_a_change_in_one_file_is_seen_by_what_was_compiled_from_another(tmp_path: Path) -> None:
    package = tmp_path / "detectors"
    package.mkdir()
    for name in ("__init__.py", "compiled.py"):
        shutil.copy(SOURCE / name, package / name)
    constant = package / "constant.py"
    constant.write_text(
        "from detectors.compiled import compiled\n\n@compiled\ndef constant() -> float:\n    return 1.0\n"
    )
    (package / "betabinomial.py").write_text(
        "from detectors.compiled import compiled\nfrom detectors.constant import constant\n\n"
        "@compiled\ndef log_density(a: float, b: float, c: float, d: float) -> float:\n    return constant()\n"
    )
    assert run(tmp_path) == "1.0\n"
    constant.write_text(constant.read_text().replace("1.0", "2.0"))
    assert run(tmp_path) == "2.0\n"


def test_without_a_folder_to_write_to_it_still_computes(tmp_path: Path) -> None:
    package = tmp_path / "detectors"
    package.mkdir()
    for name in ("__init__.py", "compiled.py", "elementary.py", "betabinomial.py"):
        shutil.copy(SOURCE / name, package / name)
    (package / "__pycache__").write_text("a file where the folder should be")
    assert float(run(tmp_path)) < 0.0
