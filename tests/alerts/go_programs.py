"""A program that Go builds from a folder with a go.mod and a go.sum; built once, then kept in its target folder."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from monitor.errors import UserError


def is_built(folder: Path, name: str) -> bool:
    """Whether the program is there, built from the modules that are written down now."""
    stamp = folder / "target" / "built"
    return (folder / "target" / name).exists() and stamp.exists() and stamp.read_text() == _wanted(folder)


def program(folder: Path, package: str, seconds: float) -> Path:
    """The program of a Go package, built when it is not there. UserError when it cannot be, in so many seconds."""
    name = package.rsplit("/", 1)[-1]
    target = folder / "target"
    if is_built(folder, name):
        return target / name
    if shutil.which("go") is None:
        raise UserError(f"install Go, which builds {name}")
    target.mkdir(exist_ok=True)
    fresh = target / f"{name}-{os.getpid()}"
    # No C compiler, and no other Go than the one that is here.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(fresh), package]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"Go built no {name} in {seconds:.0f} s; is there a network?") from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise UserError(f"Go built no {name}: {words[-1][:200] if words else done.returncode}")
    fresh.replace(target / name)
    (target / "built").write_text(_wanted(folder))
    return target / name


def _wanted(folder: Path) -> str:
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()
