"""Compiled: memory by its address, as C has it, and a product that may overflow.

An array that a compiled function hands to another is counted on the way, which for a dozen arrays takes longer than
what the function does. Whoever calls keeps the arrays alive, and says why no address is beyond them.
"""

from collections.abc import Callable
from typing import Any, cast

from numba import types
from numba.extending import intrinsic

from detectors.compiled import inlined
from monitor.scan.plan import PRIME, SHIFT


def _pointer(context: Any, builder: Any, kind: Any, address: Any, index: Any = None) -> Any:
    begin = builder.inttoptr(address, context.get_value_type(kind).as_pointer())
    return begin if index is None else builder.gep(begin, [index])


def _load(context: Any, builder: Any, kind: Any, *where: Any) -> Any:
    return builder.load(_pointer(context, builder, kind, *where), align=1)


def _byte(_: Any, address: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        found = _load(context, builder, types.uint8, *given)
        return builder.zext(found, context.get_value_type(types.int64))

    return types.int64(types.int64), code


def _put_byte(_: Any, address: Any, value: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        value = builder.trunc(given[1], context.get_value_type(types.uint8))
        builder.store(value, _pointer(context, builder, types.uint8, given[0]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


def _word(_: Any, address: Any, index: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return _load(context, builder, types.int64, *given)

    return types.int64(types.int64, types.int64), code


def _put_word(_: Any, address: Any, index: Any, value: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        builder.store(given[2], _pointer(context, builder, types.int64, *given[:2]), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


def _mixed(_: Any, value: Any, more: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        product = builder.mul(builder.xor(*given), context.get_constant(types.int64, PRIME))
        return builder.xor(product, builder.ashr(product, context.get_constant(types.int64, SHIFT)))

    return types.int64(types.int64, types.int64), code


def _quotes(_: Any, value: Any) -> tuple[Any, Any]:
    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        ones, tops, quotes = (context.get_constant(types.int64, word) for word in (_ONES, _TOPS, ord('"') * _ONES))
        # A byte that is 0 without its quote borrows from its top bit; one behind it may seem to, but none before it.
        rest = builder.xor(given[0], quotes)
        zeros = builder.and_(builder.and_(builder.sub(rest, ones), builder.not_(rest)), tops)
        no = context.get_constant(types.boolean, False)
        return builder.lshr(builder.cttz(zeros, no), context.get_constant(types.int64, 3))

    return types.int64(types.int64), code


_ONES, _TOPS = 0x0101_0101_0101_0101, -0x7F7F_7F7F_7F7F_7F80
"""The lowest bit of each of eight bytes, and the highest."""
byte = cast(Callable[[int], int], intrinsic(_byte))
"""The byte at an address, 0 to 255."""
put_byte = cast(Callable[[int, int], None], intrinsic(_put_byte))
"""Write the lowest byte of a number to an address."""
word = cast(Callable[[int, int], int], intrinsic(_word))
"""The 64-bit integer so many places behind an address, which may be any."""
put_word = cast(Callable[[int, int, int], None], intrinsic(_put_word))
"""Write a 64-bit integer so many places behind an address."""
mixed = cast(Callable[[int, int], int], intrinsic(_mixed))
"""One step of a hash, over 64 bits. It overflows on purpose, which numba's own product leaves undefined."""

quote_in = cast(Callable[[int], int], intrinsic(_quotes))
"""Which of the eight bytes of a word is the first quotation mark; 8 for none. On a machine with the low byte first."""


SLACK = 8
"""Bytes behind a copy that it may overwrite, for it goes by eights."""


@inlined
def copy(begin: int, end: int, o: int) -> int:
    """Append what stands between these addresses; eight bytes behind it may be read, and behind the copy written."""
    for k in range(0, end - begin, 8):
        put_word(o + k, 0, word(begin + k, 0))
    return o + end - begin
