"""`make bench-detection`: the goals of detection and the peers; QUICK=1 for a taste, ARGS for --only and --seed."""

import argparse
import hashlib
import resource
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from benchmarks.common import ROOT, about, finish, guarded, is_quick, say
from benchmarks.detection.bench import Bench
from benchmarks.detection.cloud import cloud_goal
from benchmarks.detection.curve import curve
from benchmarks.detection.fleet import fleet_goal
from benchmarks.detection.goals import g1, g2_g3
from benchmarks.detection.goals_noise import g4
from benchmarks.detection.goals_slow import g5, g6
from benchmarks.detection.mix_shift import mix_goal
from benchmarks.detection.nab import nab_goal
from benchmarks.detection.plan import FULL, QUICK
from benchmarks.detection.pool import WORKERS, Workers
from benchmarks.detection.scale import scale_goal
from benchmarks.detection.series import Task, measure
from benchmarks.detection.table import peers
from benchmarks.detection.worlds import MIDDLE
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.settings import environment

SEED = 20261121
"""Not one that anything was tuned on."""

DATA = ROOT.parent / "shared" / "data"
"""Real series, read in place; where they are not, two goals are not measured, and that is said."""


def _strict(bench: Bench) -> dict[str, Any]:
    second, third = g2_g3(bench)
    return {"g2": second, "g3": third}


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "g1": lambda bench: {"g1": g1(bench)},
    "g2": _strict,
    "g4": lambda bench: {"g4": g4(bench)},
    "g5": lambda bench: {"g5": g5(bench)},
    "g6": lambda bench: {"g6": g6(bench)},
    "g7": lambda bench: {"g7": fleet_goal(bench)},
    "g8": lambda _: {"g8": nab_goal(DATA)},
    "g9": lambda _: {"g9": cloud_goal(DATA)},
    "g10": lambda bench: {"g10": scale_goal(bench.plan is QUICK, bench.seed)},
    "g11": lambda bench: {"g11": mix_goal(bench)},
    "curve": lambda bench: {"curve": curve(bench)},
    "peers": lambda bench: {"peers": peers(bench)},
}


def main() -> None:
    """Run the parts, and print one JSON object last. Raises UserError for a part that does not exist."""
    options = _options()
    chosen = options.only.split(",") if options.only else list(PARTS)
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        raise UserError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    quick = is_quick(environment())
    detector = _detector()
    measure(Task(MIDDLE, (0,)))  # compiles, once for all workers
    result: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    with get_context("fork").Pool(WORKERS) as pool:
        bench = Bench(QUICK if quick else FULL, options.seed, Workers(pool))
        for part in chosen:
            begin = monotonic()
            found = PARTS[part](bench)
            result |= found
            seconds[part] = round(monotonic() - begin, 1)
            for name, one in found.items():
                say(f"{name}: {_line(one)}{seconds[part]} s")
        pool.close()
        pool.join()
    result |= {"seed": options.seed, "seconds": seconds, "cpu_s": _cpu_seconds(), "detector": detector, **about(quick)}
    finish("detection", result, quick or bool(options.only))


def _line(found: object) -> str:
    """A goal's value beside what is wanted; nothing for a table."""
    if not isinstance(found, dict) or "goal" not in found:
        return ""
    return f"{found['value']} (95 %: {found['interval']}), goal {found['goal']}, met: {found['met']}; "


def _detector() -> str:
    """A name for the state of the detector that was measured."""
    digest = hashlib.sha256()
    for source in sorted((ROOT / "detectors").glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _cpu_seconds() -> float:
    """Of this process and the workers that ended; on a machine that others use the clock says little."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_utime + one.ru_stime for one in used), 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--only", default="", help="parts, comma-separated; no result file is written then")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(guarded(main))
