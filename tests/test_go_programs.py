"""Go programs for tests: built once, again when what they are built from changes, and refused with a reason."""

from pathlib import Path

import pytest

from monitor.errors import UserError
from tests import go_programs

PACKAGES = {"one": ".", "two": "example.test/two"}
FAKE = """#!/bin/sh
[ -e broken ] && { echo 'go: downloading x' >&2; echo 'no such package' >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
echo "$2 $3" >> calls
echo program > "$2"
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to build in, with a Go that only pretends."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(FAKE)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    folder = tmp_path / "module"
    folder.mkdir()
    for name in ("go.mod", "go.sum", "main.go"):
        (folder / name).write_text(name)
    return folder


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_each_program_is_built_once_and_kept(folder: Path) -> None:
    assert not go_programs.is_built(folder, PACKAGES)
    for _ in range(2):
        target = go_programs.build(folder, PACKAGES, 10)
        assert {path.name for path in target.iterdir()} == {"one", "two", "built"}
        assert go_programs.is_built(folder, PACKAGES)
    assert calls(folder) == 2


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go", "added.go"])
def test_another_source_is_another_program(name: str, folder: Path) -> None:
    go_programs.build(folder, PACKAGES, 10)
    (folder / name).write_text("changed")
    assert not go_programs.is_built(folder, PACKAGES)
    go_programs.build(folder, PACKAGES, 10)
    assert calls(folder) == 4


def test_a_program_that_is_gone_is_built_again(folder: Path) -> None:
    (go_programs.build(folder, PACKAGES, 10) / "two").unlink()
    assert not go_programs.is_built(folder, PACKAGES)


def test_what_go_cannot_build_is_said_in_go_s_last_words_and_leaves_nothing(folder: Path) -> None:
    (folder / "broken").touch()
    with pytest.raises(UserError, match=r"^Go built no one: no such package$"):
        go_programs.build(folder, PACKAGES, 10)
    assert list((folder / "target").iterdir()) == []


def test_without_go_the_error_says_what_needs_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match="install Go, which builds one"):
        go_programs.build(folder, PACKAGES, 10)
