"""Helm, and `validate`, which asks the API server's own code about a manifest. Go builds both once; they are kept."""

import json
from pathlib import Path

from monitor.errors import UserError
from tests import go_programs

HERE = Path(__file__).parent
TARGET = HERE / "target"
PROGRAMS = {"helm": "helm.sh/helm/v3/cmd/helm", "validate": "."}
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
    return go_programs.build(HERE, PROGRAMS, BUILD_SECONDS)


def definitions() -> list[Path]:
    """The CustomResourceDefinitions of Prometheus Operator and KEDA. UserError when they cannot be had."""
    found = []
    for (module, checksum), files in CRDS.items():
        answer = json.loads(go_programs.go(HERE, module, BUILD_SECONDS, "mod", "download", "-json", module))
        if answer["Sum"] != checksum:
            raise UserError(f"{module} is not what it was: its checksum differs")
        found += [Path(answer["Dir"]) / name for name in files]
    return found
