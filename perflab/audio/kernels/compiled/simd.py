"""Vectors of float32 inside numba: one lane per session, and the arithmetic that compiles to one instruction each.

Why not leave it to the compiler: LLVM does not keep accumulators that live in an array in registers, and a filter
written so runs many times slower. A numba type whose data model is LLVM's own vector keeps them there.
Weakness: code is written in terms of lanes, and a width that the processor lacks is split and may spill.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import models, register_model

from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types
from perflab.audio.kernels.lanes import LANES

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_FMA = f"llvm.fma.v{LANES}f32"


class VectorType(types.Type):  # type: ignore[misc]
    """The numba type of a vector of LANES float32."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


VECTOR: Any = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the address of `array[index]`, a flat C-contiguous array, without the test for a negative index."""
    held = context.make_array(kind)(context, builder, array)
    return builder.gep(held.data, [index])


@intrinsic
def load(_typing: Any, array: Any, index: Any) -> Any:
    """Return LANES values of a flat float32 array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = _address(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(at, _VECTOR.as_pointer()), align=4)

    return VECTOR(array, types.intp), generate


@intrinsic
def store(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector into a flat float32 array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(at, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, VECTOR), generate


def _spread(builder: Any, scalar: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


@intrinsic
def splat(_typing: Any, array: Any, index: Any) -> Any:
    """Return a vector with `array[index]` in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, builder.load(_address(context, builder, signature.args[0], *arguments)))

    return VECTOR(array, types.intp), generate


@intrinsic
def zero(_typing: Any) -> Any:
    """Return a vector of zeros."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_VECTOR, [0.0] * LANES)

    return VECTOR(), generate


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, _FMA), [a, b, c])


@intrinsic
def fma(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _fused(builder, *arguments)

    return VECTOR(VECTOR, VECTOR, VECTOR), generate


@intrinsic
def fnma(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return c - a * b, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = arguments
        return _fused(builder, builder.fneg(a), b, c)

    return VECTOR(VECTOR, VECTOR, VECTOR), generate


def _binary(operation: str) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, operation)(*arguments)

        return VECTOR(VECTOR, VECTOR), generate

    typed.__name__ = typed.__qualname__ = operation
    return intrinsic(typed)


add, sub, mul = _binary("fadd"), _binary("fsub"), _binary("fmul")
