"""How much of everything a run does."""

from dataclasses import dataclass

from benchmarks.detection.settings import SETTINGS
from benchmarks.detection.worlds import CELLS, DAY, DOUBLED, DROPS, MIDDLE, STEPS, Cell, Change

HEADLINE = (STEPS[0], STEPS[1], STEPS[3])
"""The changes of the published grid; the others are reported beside it."""
STRICT = 1000.0
"""Feature-weeks per false page in G2 and G3; in G1 and G4 it is one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Series are per cell (and setting), repeats per series and change, weeks per series."""

    cells: tuple[Cell, ...] = CELLS
    changes: tuple[Change, ...] = STEPS + DROPS
    tuning_weeks: int = 120
    ramp_tuning_weeks: int = 24
    step_series: int = 48
    step_repeats: int = 10
    step_weeks: int = 2
    strict_weeks: int = 4
    null_series: int = 120
    settings: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)
    noise_series: int = 24
    noise_weeks: int = 2
    noise_delay_series: int = 60
    noise_repeats: int = 4
    ramp_series: int = 30
    ramp_repeats: int = 4
    loss_series: int = 45
    loss_repeats: int = 10
    mix_series: int = 40
    mix_repeats: int = 4
    fleets: int = 4
    fleet_series: int = 1000
    fleet_changed: int = 20
    fleet_repeats: int = 30
    fleet_null_windows: int = 4 * DAY
    peer_cells: tuple[Cell, ...] = CELLS
    peer_weeks: int = 12
    peer_changes: int = 48


FULL = Plan()
QUICK = Plan(
    cells=(Cell(20, 0.1), MIDDLE),
    changes=(DOUBLED,),
    tuning_weeks=8,
    ramp_tuning_weeks=2,
    step_series=3,
    step_repeats=5,
    step_weeks=1,
    strict_weeks=1,
    null_series=2,
    settings=("binomial", "wander 10 %"),
    noise_series=2,
    noise_weeks=1,
    noise_delay_series=2,
    ramp_series=2,
    ramp_repeats=2,
    loss_series=3,
    loss_repeats=3,
    mix_series=2,
    mix_repeats=2,
    fleets=1,
    fleet_series=40,
    fleet_changed=4,
    fleet_repeats=3,
    fleet_null_windows=DAY // 4,
    peer_cells=(MIDDLE,),
    peer_weeks=1,
    peer_changes=3,
)
