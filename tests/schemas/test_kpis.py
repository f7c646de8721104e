import re
from typing import get_args

import pytest

from schemas.kpis import CATALOGUE, KPI_NAMES, KPIS, TELEMETRY_COMPLETENESS, VIOLATION_KPIS, Kpi, counts
from schemas.outcomes import Bit
from schemas.vocabulary import Category

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def test_names_are_unique_and_fit_a_score() -> None:
    assert len(CATALOGUE) == len(KPIS) + len(VIOLATION_KPIS)
    assert len(set(KPI_NAMES)) == len(KPI_NAMES)
    assert TELEMETRY_COMPLETENESS not in CATALOGUE
    assert all(NAME.fullmatch(name) for name in (*CATALOGUE, *KPI_NAMES))


def test_every_category_has_a_kpi() -> None:
    assert [kpi.name for kpi in VIOLATION_KPIS] == [f"policy_violation_rate.{word}" for word in get_args(Category)]


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=CATALOGUE)
def test_kpi_is_possible(kpi: Kpi) -> None:
    assert kpi.bad
    assert kpi.evaluated
    assert kpi.population
    assert kpi.bad & kpi.evaluated == 0, "what is bad would always be evaluated"
    assert Bit.SYNTHETIC & (kpi.bad | kpi.evaluated | kpi.population) == 0
    assert 0.0 <= kpi.coverage_floor <= 1.0
    assert kpi.meaning


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=CATALOGUE)
def test_counts(kpi: Kpi) -> None:
    everything = kpi.bad | kpi.evaluated | kpi.population
    assert counts(kpi, everything) == (True, True, True)
    assert counts(kpi, everything & ~kpi.bad) == (False, True, True)
    assert counts(kpi, kpi.bad) == (False, False, False)
    assert counts(kpi, 0) == (False, False, False)
    assert counts(kpi, everything | Bit.SYNTHETIC) == (False, False, False)
