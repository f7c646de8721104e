"""Exponential and logarithm written out, so that loops over many numbers are compiled to vector instructions.

A call to the C library would keep the compiler from it. Plain arithmetic, right to a unit or two in the last place,
gives the same bits inside a vector and outside of one.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import types
from numba.extending import intrinsic

from detectors.compiled import inlined

_LOG2_E = 1.0 / math.log(2.0)
_LN2_HIGH, _LN2_LOW = 5954088943.0 / 2.0**33, 7.440617110012397e-11
"""The logarithm of 2 in two parts: whole numbers up to a thousand times the first are exact."""
_SHIFT = 1.5 * 2.0**52
"""A number so large that adding it rounds to a whole number, whose bits are then the last ones of the sum."""
_SHIFT_BITS = int(np.float64(_SHIFT).view(np.int64))
_ROOT_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
_BIAS, _FRACTION_BITS = 1023, 52
_MAX_EXPONENT = 700.0
_E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13 = (1.0 / math.factorial(i) for i in range(2, 14))


def _one_instruction(_: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    def code(_context: Any, builder: Any, _signature: Any, numbers: Any) -> Any:
        return builder.fma(*numbers)

    return types.float64(a, b, c), code


fma = cast(Callable[[float, float, float], float], intrinsic(_one_instruction))
"""a b + c, rounded once. The compiler does not choose this instruction by itself; within compiled code only."""


@inlined
def exp(x: float) -> float:
    """e to the power of x, for a finite x; beyond 700 either way it stays."""
    x = min(max(x, -_MAX_EXPONENT), _MAX_EXPONENT)
    shifted = fma(x, _LOG2_E, _SHIFT)
    whole = shifted - _SHIFT
    r = fma(-whole, _LN2_LOW, fma(-whole, _LN2_HIGH, x))
    p = fma(_E13, r, _E12)
    p = fma(p, r, _E11)
    p = fma(p, r, _E10)
    p = fma(p, r, _E9)
    p = fma(p, r, _E8)
    p = fma(p, r, _E7)
    p = fma(p, r, _E6)
    p = fma(p, r, _E5)
    p = fma(p, r, _E4)
    p = fma(p, r, _E3)
    series = fma(p, r, _E2)
    power = (np.float64(shifted).view(np.int64) - _SHIFT_BITS + _BIAS) << _FRACTION_BITS
    return (1.0 + fma(r * r, series, r)) * np.int64(power).view(np.float64)


@inlined
def log(x: float) -> float:
    """Natural logarithm of a normal number above 0."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _ROOT_BITS) >> _FRACTION_BITS
    # The number is 2 to that power times one between the roots of 1/2 and 2, whose logarithm is 2 artanh(s).
    f = np.int64(bits - (exponent << _FRACTION_BITS)).view(np.float64) - 1.0
    whole = np.int64(exponent + _SHIFT_BITS).view(np.float64) - _SHIFT
    s = f / (2.0 + f)
    z = s * s
    p = fma(1.0 / 21.0, z, 1.0 / 19.0)
    p = fma(p, z, 1.0 / 17.0)
    p = fma(p, z, 1.0 / 15.0)
    p = fma(p, z, 1.0 / 13.0)
    p = fma(p, z, 1.0 / 11.0)
    p = fma(p, z, 1.0 / 9.0)
    p = fma(p, z, 1.0 / 7.0)
    p = fma(p, z, 1.0 / 5.0)
    series = fma(p, z, 1.0 / 3.0)
    rest = fma(-s, fma(-2.0 * z, series, f), whole * _LN2_LOW)
    return fma(whole, _LN2_HIGH, f + rest)


@inlined
def log1p(x: float, inverse: float) -> float:
    """Logarithm of 1 + x, precise where x is small; `inverse` is 1 / (1 + x), which need not be."""
    u = 1.0 + x
    return fma(x - (u - 1.0), inverse, log(u))
