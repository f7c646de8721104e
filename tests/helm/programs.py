"""Helm, and `validate`, which asks the API server's own code about a manifest. Go builds both once; they are kept."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.errors import UserError

HERE = Path(__file__).parent
TARGET = HERE / "target"
SOURCES = ("go.mod", "go.sum", "main.go")
PROGRAMS = ("helm", "validate")
BUILD_SECONDS = 900
CRDS = {
    ("github.com/kedacore/keda/v2@v2.17.0", "h1:Msot3UuN6WOhaOaOcVmokmVM0cu3uqSGvnDgg1LkESU="): (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    ): (
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
}
"""Go module and its checksum to the CustomResourceDefinitions in it. Nothing imports them, so go.sum has no place."""


def build() -> Path:
    """The folder with both programs, built when they are not there. UserError when they cannot be."""
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    stamp = TARGET / "built"
    if stamp.exists() and stamp.read_text() == wanted and all((TARGET / name).exists() for name in PROGRAMS):
        return TARGET
    TARGET.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=TARGET) as fresh:
        _go("build", "-trimpath", "-ldflags=-s -w", "-o", f"{fresh}/", ".", "helm.sh/helm/v3/cmd/helm")
        for name in PROGRAMS:
            (Path(fresh) / name).replace(TARGET / name)
    stamp.write_text(wanted)
    return TARGET


def definitions() -> list[Path]:
    """The CustomResourceDefinitions of Prometheus Operator and KEDA. UserError when they cannot be had."""
    found = []
    for (module, checksum), files in CRDS.items():
        answer = json.loads(_go("mod", "download", "-json", module))
        if answer["Sum"] != checksum:
            raise UserError(f"{module} is not what it was: its checksum differs")
        found += [Path(answer["Dir"]) / name for name in files]
    return found


def _go(*arguments: str) -> str:
    """What Go printed."""
    if shutil.which("go") is None:
        raise UserError("install Go, which builds Helm")
    # No C compiler, and no other Go than the one that is here.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        done = subprocess.run(
            ["go", *arguments],
            cwd=HERE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"Go was not done in {BUILD_SECONDS} s; is there a network?") from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise UserError(f"Go built no Helm: {words[-1][:200] if words else done.returncode}")
    return done.stdout
