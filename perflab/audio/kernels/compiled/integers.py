"""Integers of a stated width inside numba, which widens every sum to 64 bits: half as many fit a register then."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types

_BITS16, _BITS32, _FLOAT = ir.IntType(16), ir.IntType(32), ir.FloatType()


def _binary32(operation: str, name: str) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, operation)(*arguments)

        return types.int32(types.int32, types.int32), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


add32, sub32, mul32 = _binary32("add", "add32"), _binary32("sub", "sub32"), _binary32("mul", "mul32")
and32, or32, xor32 = _binary32("and_", "and32"), _binary32("or_", "or32"), _binary32("xor", "xor32")
shl32, shr32 = _binary32("shl", "shl32"), _binary32("ashr", "shr32")


def _chosen(sign: str, name: str) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.select(builder.icmp_signed(sign, *arguments), *arguments)

        return types.int32(types.int32, types.int32), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


min32, max32 = _chosen("<", "min32"), _chosen(">", "max32")


def _saturating(operation: str, name: str) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(_BITS16, [_BITS16, _BITS16])
            called = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{operation}.sat.i16")
            return builder.call(called, arguments)

        return types.int16(types.int16, types.int16), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


add16, sub16 = _saturating("sadd", "add16"), _saturating("ssub", "sub16")


@intrinsic
def float_bits(_typing: Any, value: Any) -> Any:
    """Return the 32 bits of a non-negative int32 as float32: exponent and leading bits, without a count of zeros."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.sitofp(arguments[0], _FLOAT), _BITS32)

    return types.int32(types.int32), generate
