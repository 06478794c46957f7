"""Decoding G.711 sixteen codes at a time where the processor can look up sixteen bytes at once (AVX2).

size = (8 mantissa + base[segment]) * factor[segment] - bias, all in 16 bits: the compiler, given the shift by the
segment instead, widens everything to 32 bits and takes twice as long.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types
from perflab.audio.kernels.lanes import cpu_features

WIDTH = 16
AVAILABLE = "avx2" in cpu_features()
_CODES, _WORDS = ir.VectorType(ir.IntType(8), WIDTH), ir.VectorType(ir.IntType(16), WIDTH)
_BYTES = ir.VectorType(ir.IntType(8), 2 * WIDTH)
MU = (0xFF, [132] * 8, [1 << k for k in range(8)], 132)  # inversion, base, factor, bias
A = (0xD5, [4] + [132] * 7, [2, *(1 << k for k in range(1, 8))], 0)


def _all(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _looked_up(builder: Any, table: list[int], index: Any) -> Any:
    """Return table[index] as 16-bit words; the high byte of each index has its top bit set, which yields zero."""
    kind = ir.FunctionType(_BYTES, [_BYTES, _BYTES])
    shuffle = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pshuf.b")
    held = builder.call(shuffle, [ir.Constant(_BYTES, (table * 2) * 2), builder.bitcast(index, _BYTES)])
    return builder.bitcast(held, _WORDS)


def _decoded(builder: Any, codes: Any, law: tuple[int, list[int], list[int], int]) -> Any:
    inversion, base, factor, bias = law
    code = builder.zext(builder.xor(codes, _all(_CODES, inversion)), _WORDS)
    index = builder.or_(builder.lshr(code, _all(_WORDS, 4)), _all(_WORDS, 0x8000))
    size = builder.shl(builder.and_(code, _all(_WORDS, 15)), _all(_WORDS, 3))
    size = builder.add(size, _looked_up(builder, base, index))
    size = builder.sub(builder.mul(size, _looked_up(builder, factor, index)), _all(_WORDS, bias))
    sign = builder.ashr(builder.shl(code, _all(_WORDS, 8)), _all(_WORDS, 15))
    return builder.sub(builder.xor(size, sign), sign)


def _decoder(law: tuple[int, list[int], list[int], int], name: str) -> Any:
    def typed(_typing: Any, codes: Any, out: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            held = [context.make_array(kind)(context, builder, array)
                    for kind, array in zip(signature.args[:2], arguments[:2], strict=True)]  # fmt: skip
            source, target = (builder.gep(array.data, [arguments[2]]) for array in held)
            read = builder.load(builder.bitcast(source, _CODES.as_pointer()), align=1)
            builder.store(_decoded(builder, read, law), builder.bitcast(target, _WORDS.as_pointer()), align=2)
            return context.get_dummy_value()

        return types.void(codes, out, types.intp), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


mu16, a16 = _decoder(MU, "mu16"), _decoder(A, "a16")
