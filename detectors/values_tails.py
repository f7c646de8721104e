"""How rare a feature of this size is in the series' own history: counts, and a Pareto tail beyond them."""

import math

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.values_memory import BINS

_LOWEST, _WIDTH = -10.0, 0.125
"""Bins of the logarithm of a size."""
_TOP = 0.02
"""The share of the history that the tail is fitted to."""
USUAL_INDEX, _BELIEVED = 0.4, 10.0
"""Mean excess of the logarithm before any was seen, and how many sizes that is worth."""


@compiled
def surprise(above: Floats, edges: Floats, row: int, total: float, size: float, thinnest: float) -> float:
    """Minus the logarithm of the share of sizes, among `total`, that are as large.

    `above`, shape (rows, BINS), says how many sizes above 0 fell into a bin or beyond it; `edges`, shape
    (rows,), is where the tail began last time. Rows by number, for a view of one would cost more than all the rest.
    No tail is taken to be thinner than `thinnest`, its mean excess in logarithms.
    """
    if size <= 0.0:
        return 0.0
    place = _place(size)
    edge = _tail_edge(above, row, int(edges[row]), max(_TOP * total, 2.0))
    edges[row] = edge
    if place < edge:
        within = int(place)
        middle: float = 0.5 * (above[row, within] + above[row, within + 1])
        return -math.log(min((middle + 0.5) / (total + 1.0), 1.0))
    excess: float = 0.5 * above[row, edge]
    for j in range(edge + 1, BINS):
        if above[row, j] == 0.0:
            break
        excess += above[row, j]
    index: float = max((_BELIEVED * USUAL_INDEX + excess * _WIDTH) / (_BELIEVED + above[row, edge]), thinnest)
    share: float = (above[row, edge] + 0.5) / (total + 1.0)
    return max((place - edge) * _WIDTH / index - math.log(min(share, 1.0)), 0.0)


@compiled
def learn_size(above: Floats, row: int, size: float) -> None:
    """One more size of a row's history. A size of 0 is not counted."""
    if size > 0.0:
        for j in range(int(_place(size)) + 1):
            above[row, j] += 1.0


@compiled
def _tail_edge(above: Floats, row: int, edge: int, wanted: float) -> int:
    """The last bin that has so many sizes in it and beyond, at least 1; looked for from `edge` on."""
    edge = max(edge, 1)
    while edge > 1 and above[row, edge] < wanted:
        edge -= 1
    while edge + 1 < BINS and above[row, edge + 1] >= wanted:
        edge += 1
    return edge


@compiled
def _place(size: float) -> float:
    """Where a size above 0 is among the bins, as a fraction."""
    return min(max((math.log(size) - _LOWEST) / _WIDTH, 0.0), BINS - 1e-6)
