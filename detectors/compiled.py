"""The one way that anything here is compiled: numba, cached on disk, and without fast mathematics.

Without fast mathematics a sum keeps its order, so that a window scored live, one series among thousands,
gives the same bits as the same window in a backtest of one series.

numba decides by the time of *one* file whether its cached code is still good, and compiled functions of
different files end up inside each other. So the folder of the cache is named by all sources of the package.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS: dict[str, Any] = {"fastmath": False, "error_model": "numpy", "nogil": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call. Where no folder can be written the code is compiled anew in every process."""
    _CONFIG["CACHE_DIR"] = str(_FOLDER / f"compiled-{_sources(Path(function.__code__.co_filename).parent)}")
    try:
        made = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        made = numba.njit(**_OPTIONS)(function)
    return cast(Callable[P, R], made)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same for small parts of loops, which become vector instructions only if nothing is called in them.

    They are kept with what they are part of.
    """
    return cast(Callable[P, R], numba.njit(forceinline=True, **_OPTIONS)(function))


@cache
def _sources(package: Path) -> str:
    """A name for all sources of a package as they are now, and of this one, which may be inside them."""
    digest = hashlib.sha256()
    for source in sorted([*package.glob("*.py"), *Path(__file__).parent.glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


_CONFIG = vars(numba.config)
_FOLDER = Path(_CONFIG["CACHE_DIR"] or Path(__file__).parent / "__pycache__")
