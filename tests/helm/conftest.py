"""Helm, for the tests that need it: skipped loudly where Go cannot build it."""

from pathlib import Path

import pytest

from monitor.errors import UserError
from tests.helm import programs
from tests.programs import skip


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with helm and validate."""
    try:
        return programs.build()
    except UserError as error:
        skip("Helm", str(error))


@pytest.fixture(scope="session")
def definitions(built: Path) -> list[Path]:
    """The CustomResourceDefinitions that the chart's objects must fit."""
    try:
        return programs.definitions()
    except UserError as error:
        skip("CustomResourceDefinitions", str(error))


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """Where Helm may write; asking for it asks for Helm."""
    return tmp_path
