"""Between rows, where a session's samples are neighbours, and lanes, where a moment's sessions are: eight by eight."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types

SIDE = 8
_INT16, _INT32 = ir.VectorType(ir.IntType(16), SIDE), ir.VectorType(ir.IntType(32), SIDE)
_FLOAT = ir.VectorType(ir.FloatType(), SIDE)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: Any) -> Any:
    held = context.make_array(kind)(context, builder, array)
    return builder.bitcast(builder.gep(held.data, [index]), vector.as_pointer())


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Interleave row i with row i + 4, three times over: eight rows become eight columns."""
    half = SIDE // 2
    masks = [[k // 2 + start + SIDE * (k % 2) for k in range(SIDE)] for start in (0, half)]
    for _ in range(3):
        pairs = [(rows[i], rows[i + half]) for i in range(half)]
        rows = [builder.shuffle_vector(a, b, ir.Constant(_INT32, mask)) for a, b in pairs for mask in masks]
    return rows


@intrinsic
def to_lanes(_typing: Any, pcm: Any, start: Any, stride: Any, work: Any, at: Any, width: Any) -> Any:
    """Move 8 samples of 8 sessions, `stride` apart from `start` on, to 8 rows of float32, `width` apart from `at`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, step, target, place, row = arguments
        rows = []
        for k in range(SIDE):
            index = builder.add(begin, builder.mul(step, ir.Constant(step.type, k)))
            rows.append(builder.load(_pointer(context, builder, signature.args[0], source, index, _INT16), align=2))
        for k, column in enumerate(_transposed(builder, rows)):
            index = builder.add(place, builder.mul(row, ir.Constant(row.type, k)))
            held = _pointer(context, builder, signature.args[3], target, index, _FLOAT)
            builder.store(builder.sitofp(column, _FLOAT), held, align=4)
        return context.get_dummy_value()

    return types.void(pcm, types.intp, types.intp, work, types.intp, types.intp), generate


@intrinsic
def to_pcm(_typing: Any, work: Any, at: Any, width: Any, pcm: Any, start: Any, stride: Any) -> Any:
    """Move 8 rows of 8 sessions back to PCM: saturated, rounded to the nearest, ties to even."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, place, row, target, begin, step = arguments
        rint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_FLOAT, [_FLOAT]), "llvm.rint.v8f32")
        rows = []
        for k in range(SIDE):
            index = builder.add(place, builder.mul(row, ir.Constant(row.type, k)))
            value = builder.load(_pointer(context, builder, signature.args[0], source, index, _FLOAT), align=4)
            for bound, sign in ((32767.0, "<"), (-32768.0, ">")):
                edge = ir.Constant(_FLOAT, [bound] * SIDE)
                value = builder.select(builder.fcmp_ordered(sign, value, edge), value, edge)
            rows.append(builder.trunc(builder.fptosi(builder.call(rint, [value]), _INT32), _INT16))
        for k, column in enumerate(_transposed(builder, rows)):
            index = builder.add(begin, builder.mul(step, ir.Constant(step.type, k)))
            builder.store(column, _pointer(context, builder, signature.args[3], target, index, _INT16), align=2)
        return context.get_dummy_value()

    return types.void(work, types.intp, types.intp, pcm, types.intp, types.intp), generate


@intrinsic
def windows_to_lanes(
    _typing: Any, x: Any, starts: Any, row: Any, at: Any, window: Any, even: Any, odd: Any, place: Any, width: Any
) -> Any:
    """Move 8 samples of 8 rows, times the window, to lanes: even ones to one plane, odd ones to the other.

    Row k is read from x[starts[row + k] + at] on and weighted by window[at] on; sample 2 i goes to even[place + i
    width] on, sample 2 i + 1 to odd. All flat and float32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, places, first, begin, weights, *planes, target, step = arguments
        kinds, index_type = signature.args, first.type

        def read(kind: Any, array: Any, index: Any) -> Any:
            return builder.load(_pointer(context, builder, kind, array, index, _FLOAT), align=4)

        weight, rows = read(kinds[4], weights, begin), []
        for k in range(SIDE):
            held = context.make_array(kinds[1])(context, builder, places)
            start = builder.load(builder.gep(held.data, [builder.add(first, ir.Constant(index_type, k))]))
            rows.append(builder.fmul(read(kinds[0], source, builder.add(start, begin)), weight))
        for k, column in enumerate(_transposed(builder, rows)):
            index = builder.add(target, builder.mul(step, ir.Constant(index_type, k // 2)))
            address = _pointer(context, builder, kinds[5 + k % 2], planes[k % 2], index, _FLOAT)
            builder.store(column, address, align=4)
        return context.get_dummy_value()

    kinds = (x, starts, types.intp, types.intp, window, even, odd, types.intp, types.intp)
    return types.void(*kinds), generate


@intrinsic
def lanes_to_rows(_typing: Any, work: Any, place: Any, width: Any, out: Any, places: Any, row: Any, at: Any) -> Any:
    """Move 8 rows of lanes, `width` apart from `place` on, to 8 values each from out[places[row + k] + at] on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, step, target, goals, first, offset = arguments
        kinds, rows = signature.args, []
        for k in range(SIDE):
            index = builder.add(begin, builder.mul(step, ir.Constant(step.type, k)))
            rows.append(builder.load(_pointer(context, builder, kinds[0], source, index, _FLOAT), align=4))
        for k, column in enumerate(_transposed(builder, rows)):
            held = context.make_array(kinds[4])(context, builder, goals)
            goal = builder.load(builder.gep(held.data, [builder.add(first, ir.Constant(first.type, k))]))
            address = _pointer(context, builder, kinds[3], target, builder.add(goal, offset), _FLOAT)
            builder.store(column, address, align=4)
        return context.get_dummy_value()

    return types.void(work, types.intp, types.intp, out, places, types.intp, types.intp), generate
