"""Sum of squares and extremes of int16 samples, sixteen at a time, exactly."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types

WIDTH = 16
_INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (16, 32, 64))
_WORDS, _PAIRS, _QUADS = (
    ir.VectorType(_INT16, WIDTH),
    ir.VectorType(_INT32, WIDTH // 2),
    ir.VectorType(_INT64, WIDTH // 4),
)
_SUMS = types.UniTuple(types.int64, 3)


def _of_pairs(builder: Any, words: Any) -> Any:
    """Return the sums of the squares of neighbours as unsigned 32 bits: one instruction (vpmaddwd) on x86."""
    sides = []
    for first in (0, 1):
        mask = ir.Constant(_PAIRS, list(range(first, WIDTH, 2)))
        side = builder.sext(builder.shuffle_vector(words, ir.Constant(_WORDS, ir.Undefined), mask), _PAIRS)
        sides.append(builder.mul(side, side))
    return builder.add(*sides)


def _folded(builder: Any, vector: Any, operation: str) -> Any:
    """Return all lanes joined into one scalar."""
    kind = vector.type
    name = f"llvm.vector.reduce.{operation}.v{kind.count}i{kind.element.width}"
    reduce = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind.element, [kind]), name)
    return builder.call(reduce, [vector])


@intrinsic
def energy(_typing: Any, pcm: Any, start: Any, blocks: Any) -> Any:
    """Return sum of squares, minimum and maximum of 16 * `blocks` samples of flat int16 `pcm` from `start` on.

    Squares of two neighbours are at most 2^31 and fit unsigned 32 bits; they are summed in 64 bits, so nothing is
    rounded and nothing overflows below 2^32 pairs.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        held = [cgutils.alloca_once_value(builder, ir.Constant(kind, [value] * kind.count))
                for kind, value in ((_QUADS, 0), (_WORDS, 32767), (_WORDS, -32768))]  # fmt: skip
        total, lowest, highest = held
        with cgutils.for_range(builder, arguments[2]) as loop:
            at = builder.add(arguments[1], builder.mul(loop.index, ir.Constant(loop.index.type, WIDTH)))
            words = builder.load(builder.bitcast(builder.gep(data, [at]), _WORDS.as_pointer()), align=2)
            pairs = builder.bitcast(_of_pairs(builder, words), _QUADS)
            low = builder.and_(pairs, ir.Constant(_QUADS, [0xFFFFFFFF] * _QUADS.count))
            high = builder.lshr(pairs, ir.Constant(_QUADS, [32] * _QUADS.count))
            builder.store(builder.add(builder.load(total), builder.add(low, high)), total)
            for place, sign in ((lowest, "<"), (highest, ">")):
                seen = builder.load(place)
                builder.store(builder.select(builder.icmp_signed(sign, words, seen), words, seen), place)
        sums = _folded(builder, builder.load(total), "add")
        extremes = (
            _folded(builder, builder.load(place), name) for place, name in ((lowest, "smin"), (highest, "smax"))
        )
        parts = [sums, *(builder.sext(value, _INT64) for value in extremes)]
        return context.make_tuple(builder, _SUMS, parts)

    return _SUMS(pcm, types.intp, types.intp), generate
