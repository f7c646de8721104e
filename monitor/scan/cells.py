"""Compiled: events to cells."""

import numpy as np

from detectors.compiled import compiled
from monitor.scan.plan import SEED, Ints
from monitor.scan.raw import mixed


@compiled
def cells(windows: Ints, cuts: Ints, masks: Ints, weights: Ints) -> tuple[Ints, Ints, Ints]:
    """The first event of each (window, slice, mask), how many there are of it, and how many they stand for.

    In the order in which they are met.
    """
    places = 16
    while places < 2 * len(windows):
        places *= 2
    table = np.full(places, -1, dtype=np.int64)
    first = np.empty(len(windows), dtype=np.int64)
    n, weight = np.zeros(len(windows), dtype=np.int64), np.zeros(len(windows), dtype=np.int64)
    many = 0
    for i in range(len(windows)):
        key = mixed(mixed(mixed(SEED, windows[i]), cuts[i]), masks[i])
        place = key & (places - 1)
        while True:
            cell = table[place]
            if cell < 0:
                cell = table[place] = many
                first[cell] = i
                many += 1
                break
            j = first[cell]
            if windows[j] == windows[i] and cuts[j] == cuts[i] and masks[j] == masks[i]:
                break
            place = (place + 1) & (places - 1)
        n[cell] += 1
        weight[cell] += weights[i]
    return first[:many], n[:many], weight[:many]
