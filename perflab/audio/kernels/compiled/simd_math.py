"""More arithmetic on lanes, for gains and adaptation: division, choice, and an exponential without branches."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from perflab.audio.kernels.compiled.simd import VECTOR, _binary, _spread, fma, mul, sub
from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types
from perflab.audio.kernels.lanes import LANES
from perflab.jit import njit

_FLOATS, _INTS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
LOG2_E = np.float32(1.4426950408889634)
SMALLEST, LARGEST = np.float32(-126.0), np.float32(126.0)  # exponents of two that a normal float32 holds
P0, P1, P2, P3, P4, P5 = (  # 2^f for f in -0.5..0.5, minimax: 1.5e-7 with coefficients of 32 bits
    np.float32(c) for c in (1.0000000714, 0.6931469674, 0.2402212081, 0.0555071326, 0.0096754854, 0.0013276308)
)

div = _binary("fdiv")


@intrinsic
def every(_typing: Any, value: Any) -> Any:
    """Return a vector with the scalar float32 `value` in every lane."""

    def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0])

    return VECTOR(types.float32), generate


def _chosen(sign: str, name: str) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.select(builder.fcmp_ordered(sign, *arguments), *arguments)

        return VECTOR(VECTOR, VECTOR), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


least, most = _chosen("<", "least"), _chosen(">", "most")


@intrinsic
def where(_typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return, lane by lane, `a` where `mask` is above zero and `b` elsewhere."""

    def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mask, a, b = arguments
        return builder.select(builder.fcmp_ordered(">", mask, ir.Constant(_FLOATS, [0.0] * LANES)), a, b)

    return VECTOR(VECTOR, VECTOR, VECTOR), generate


@intrinsic
def _two_to(_typing: Any, whole: Any) -> Any:
    """Return two to the power of a whole number in -126..127, by writing the exponent's bits."""

    def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.add(builder.fptosi(arguments[0], _INTS), ir.Constant(_INTS, [127] * LANES))
        return builder.bitcast(builder.shl(bits, ir.Constant(_INTS, [23] * LANES)), _FLOATS)

    return VECTOR(VECTOR), generate


def _called(operation: str, name: str) -> Any:
    def typed(_typing: Any, value: Any) -> Any:
        def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind, said = ir.FunctionType(_FLOATS, [_FLOATS]), f"llvm.{operation}.v{LANES}f32"
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, said), arguments)

        return VECTOR(VECTOR), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


nearest, root = _called("rint", "nearest"), _called("sqrt", "root")  # whole numbers with ties to even; square roots


@njit(cache=True, nogil=True, inline="always")
def exp(x: Any) -> Any:
    """Return e to the power of x, wrong by less than 4e-7 + 1e-7 |x| of it: exp(1) is 2.7182818 within 1.4e-6.

    x log2(e) is split into a whole number, which becomes the exponent, and a rest for a polynomial of degree five.
    Powers beyond two to the +-126 are cut there: exp(-100) is 1.2e-38, not 3.7e-44.
    """
    power = least(most(mul(x, every(LOG2_E)), every(SMALLEST)), every(LARGEST))
    whole = nearest(power)
    f = sub(power, whole)
    value = fma(fma(every(P5), f, every(P4)), f, every(P3))
    value = fma(fma(fma(value, f, every(P2)), f, every(P1)), f, every(P0))
    return mul(value, _two_to(whole))
