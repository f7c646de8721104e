"""Rules of the house that no linter can hold: size, bans, and lists that must agree. Under a second."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from monitor.metrics import Metrics
from monitor.settings import Settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "detectors", "schemas", "alerts")
MODULE_LINES, FUNCTION_LINES = 300, 60

# Put together from pieces, so that this file does not contain what it looks for.
SLASH, DOT = "/", r"\."
HOME = re.compile(rf"(?<![\w.]){SLASH}(?:root|home){SLASH}")
HOSTS = [
    ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("crates", "io"),
    (r"proxy\.golang", "org"), ("anaconda", "org"), ("docker", "io"), ("ghcr", "io"), ("gcr", "io"), ("quay", "io"),
    (r"registry\.k8s", "io"), ("huggingface", "co"), (r"(?:deb|security)\.debian", "org"), (r"repo\.maven", "org"),
]  # fmt: skip
HOST = re.compile(r"(?<![\w-])(?:" + "|".join(name + DOT + end for name, end in HOSTS) + r")(?![\w-])", re.IGNORECASE)
ARCHIVES = ("whl", r"tar\.\w+", "tgz", "zip", "deb", "rpm", "jar", "exe", "dmg", "bz2", "xz", "gz")
DOWNLOAD = re.compile(
    rf"https?:{SLASH}{SLASH}\S+(?:{DOT}(?:{'|'.join(ARCHIVES)})(?![\w.])|{SLASH}releases{SLASH}download{SLASH})"
)


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git tracks and that are there; skips the test, loudly, when this is no checkout."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT CHECKED: git is not installed, so the structure of the repository goes unseen")
    if done.returncode:
        pytest.skip("NOT CHECKED: not a git checkout, so the structure of the repository goes unseen")
    return tuple(path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file())


@cache
def text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def python_files(*folders: str) -> list[Path]:
    files = [path for path in tracked() if path.suffix == ".py"]
    return [path for path in files if not folders or path.relative_to(ROOT).parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


def shown(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}" if line else str(path.relative_to(ROOT))


def lines_with(pattern: re.Pattern[str], paths: Iterator[Path] | list[Path] | tuple[Path, ...]) -> list[str]:
    return [
        shown(path, text(path).count("\n", 0, match.start()) + 1)
        for path in paths
        for match in pattern.finditer(text(path))
    ]


def test_git_sees_this_repository() -> None:
    assert ROOT / "pyproject.toml" in tracked()
    assert len(python_files("monitor")) > 5


def test_modules_are_small() -> None:
    assert [shown(path) for path in python_files() if text(path).count("\n") > MODULE_LINES] == []


def test_functions_are_small() -> None:
    functions = [
        (path, node)
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [
        f"{shown(path, node.lineno)} {node.name}"
        for path, node in functions
        if (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
        # one statement per metric, and nothing else
        and (path.name, node.name) != ("metrics.py", "__init__")
    ]
    assert long == []


def test_every_module_of_a_package_says_what_it_is() -> None:
    assert [shown(path) for path in python_files(*PACKAGES) if not ast.get_docstring(tree(path))] == []


def taken_streams(module: ast.Module) -> list[int]:
    """Lines that call Faust's `take`: iterated asynchronously, given `within`, or on something named a stream."""
    nodes = list(ast.walk(module))
    iterated = [node.iter for node in nodes if isinstance(node, ast.AsyncFor | ast.comprehension)]
    return [
        call.lineno
        for call in nodes
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "take"
        if call in iterated
        or any(keyword.arg == "within" for keyword in call.keywords)
        or ast.unparse(call.func.value).endswith("stream")
    ]


def test_no_stream_is_taken_from() -> None:
    """Faust's `take` acks a batch even when its handler raised; `noack_take` does not."""
    assert [shown(path, line) for path in python_files("monitor") for line in taken_streams(tree(path))] == []


def test_a_taken_stream_would_be_found() -> None:
    loop = "async def f(x):\n    async for batch in x.{}:\n        pass\n"
    assert taken_streams(ast.parse(loop.format("take(100)"))) == [2]
    assert taken_streams(ast.parse("batches = events.take(100, within=5)")) == [1]
    assert taken_streams(ast.parse("batches = self.stream.take(100)")) == [1]
    assert taken_streams(ast.parse(loop.format("noack_take(100, within=5)"))) == []
    assert taken_streams(ast.parse("tally = partition.take(batch, now)")) == []


def test_no_path_of_one_machine() -> None:
    assert lines_with(HOME, tracked()) == []


def test_no_registry_and_no_download() -> None:
    assert lines_with(HOST, tracked()) == []
    assert lines_with(DOWNLOAD, tracked()) == []


@pytest.mark.parametrize("pieces", [*(("https://", *host) for host in (("pypi.", "org/simple"), ("ghcr.", "io/x")))])
def test_a_registry_would_be_found(pieces: tuple[str, ...]) -> None:
    assert HOST.search("".join(pieces))
    assert not HOST.search("".join(pieces[:2]) + "example.com")


def test_a_download_or_a_home_would_be_found() -> None:
    address = "https:" + "//example.com/"
    assert DOWNLOAD.search(address + "a-1.0.tar.gz")
    assert DOWNLOAD.search(address + "a/releases" + "/download/v1/a")
    assert not DOWNLOAD.search(address + "docs/a.html")
    assert HOME.search("see /" + "root/.cache")
    assert not HOME.search("docs/home/index.md")


def test_requirements_are_hashed_and_without_addresses() -> None:
    locked = text(ROOT / "requirements.txt")
    assert ":" + "//" not in locked
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", locked))
    assert len(entries) > 20
    assert [entry.split()[0] for entry in entries if not re.match(r"[\w.\[\]-]+==\S+", entry)] == []
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_metric_is_ours_and_says_what_it_is() -> None:
    families = list(Metrics().registry.collect())
    assert len(families) > 10
    assert [family.name for family in families if not re.fullmatch(r"vigil_[a-z][a-z0-9_]*", family.name)] == []
    assert [family.name for family in families if not re.fullmatch(r"[A-Z0-9].*\.", family.documentation)] == []


def test_every_setting_says_what_it_is() -> None:
    fields = Settings.model_fields
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []
    assert [name for name, field in fields.items() if field.is_required()] == []


def exceptions_of(section: str) -> list[str]:
    """Lines of a table of pyproject.toml that name a rule of ruff."""
    body = text(ROOT / "pyproject.toml").split(f"[{section}]\n", 1)[1].split("\n[", 1)[0]
    return [line for line in body.splitlines() if re.search(r'"[A-Z]+\d+"', line)]


def test_every_exception_to_ruff_has_its_reason() -> None:
    lines = exceptions_of("tool.ruff.lint.per-file-ignores")
    assert len(lines) >= 5
    assert [line for line in lines if not re.search(r"# \S", line)] == []
    ignored = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["ruff"]["lint"]["ignore"]
    reasons = [line for line in exceptions_of("tool.ruff.lint") if "#" in line]
    assert [rule for rule in ignored if not any(f'"{rule}"' in line for line in reasons)] == []


def make_verbs(document: str) -> set[str]:
    """Verbs that a Markdown text tells the reader to make: in backticks, and at the start of a line of code."""
    fenced = "\n".join(re.findall(r"(?ms)^```[^\n]*\n(.*?)^```", document))
    told = re.findall(r"`(?:\$ )?make ([^`\n]+)`", document) + re.findall(r"(?m)^\s*(?:\$ )?make ([^\n]+)", fenced)
    words = [word for command in told for word in re.split(r"\s#", command)[0].split()]
    return {word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)}


def test_make_verbs_are_read() -> None:
    document = "make sure `make test` works; `make PYTHON=python3.12 demo`\n\n```sh\n$ make lock  # now and then\n```\n"
    assert make_verbs(document) == {"test", "demo", "lock"}
    assert make_verbs("") == set()


def test_make_verbs_of_the_documents_exist() -> None:
    makefile = set(re.findall(r"(?m)^([a-z][a-z-]*):", text(ROOT / "Makefile")))
    assert {"help", "test", "demo"} <= makefile
    for path in [ROOT / "README.md", *(path for path in tracked() if path.parts[-2] == "docs")]:
        assert make_verbs(text(path)) <= makefile, shown(path)


def test_make_help_lists_every_verb() -> None:
    makefile = text(ROOT / "Makefile")
    verbs = set(re.findall(r"(?m)^([a-z][a-z-]*):", makefile))
    assert verbs == set(re.findall(r"(?m)^([a-z][a-z-]*):.*##", makefile))
    phony = re.search(r"(?m)^\.PHONY: (.*)$", makefile)
    assert phony is not None
    assert set(phony[1].split()) == verbs
