"""Programs that Go builds from a folder with a go.mod and a go.sum: built once, then kept in its target folder."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.errors import UserError


def is_built(folder: Path, packages: Mapping[str, str]) -> bool:
    """Whether all these programs are there, built from what is written in the folder now."""
    target = folder / "target"
    stamp = target / "built"
    current = stamp.exists() and stamp.read_text() == _wanted(folder)
    return current and all((target / name).exists() for name in packages)


def build(folder: Path, packages: Mapping[str, str], seconds: float) -> Path:
    """The folder that holds the programs, by their names, of these Go packages; built when they are not there.

    A folder's programs are built together. UserError when they cannot be, each in so many seconds.
    """
    target = folder / "target"
    if is_built(folder, packages):
        return target
    target.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=target) as fresh:
        for name, package in packages.items():
            go(folder, name, seconds, "build", "-trimpath", "-ldflags=-s -w", "-o", f"{fresh}/{name}", package)
        for name in packages:
            (Path(fresh) / name).replace(target / name)
    (target / "built").write_text(_wanted(folder))
    return target


def go(folder: Path, name: str, seconds: float, *arguments: str) -> str:
    """What Go printed in a folder. UserError, which says what there is not for want of it, when Go cannot."""
    if shutil.which("go") is None:
        raise UserError(f"install Go, which builds {name}")
    # No C compiler, and no other Go than the one that is here.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        done = subprocess.run(
            ["go", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"Go built no {name} in {seconds:.0f} s; is there a network?") from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise UserError(f"Go built no {name}: {words[-1][:200] if words else done.returncode}")
    return done.stdout


def _wanted(folder: Path) -> str:
    sources = [folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
