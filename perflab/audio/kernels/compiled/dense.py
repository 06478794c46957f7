"""Dense layers of a network for many rows at once: outputs are lanes, so that one row fills the registers too."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.simd import _VECTOR, _address, _fused, _spread
from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types
from perflab.audio.kernels.lanes import LANES, TILE
from perflab.jit import njit

ROWS, VECTORS = TILE
PANEL = VECTORS * LANES  # outputs of a panel of the table
FEW = 4  # registers of outputs in a tile of one row or two: with fewer sums each would wait for the last


def _tile(rows: int, vectors: int) -> Any:
    """Return a function that makes `rows` rows of `vectors` registers of outputs, its sums in registers all the time.

    What does not fit into a panel is read from those that follow it.
    """

    def typed(_typing: Any, x: Any, starts: Any, row: Any, table: Any, at: Any, depth: Any, bias: Any, column: Any,
              out: Any, places: Any) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = dict(zip(_NAMES, zip(signature.args, arguments, strict=True), strict=True))

            def point(array: str, index: Any) -> Any:
                kind, value = kinds[array]
                return _address(context, builder, kind, value, index)

            def read(address: Any) -> Any:
                return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=4)

            def step(index: Any, by: int) -> Any:
                return builder.add(index, ir.Constant(index.type, by))

            places_of = [step(arguments[2], r) for r in range(rows)]
            inputs = [point("x", builder.load(point("starts", place))) for place in places_of]
            first = [read(point("bias", step(arguments[7], v * LANES))) for v in range(vectors)]
            whole = builder.mul(arguments[5], ir.Constant(arguments[5].type, PANEL))  # values of a panel
            panels = [arguments[4]]
            while len(panels) * VECTORS < vectors:
                panels.append(builder.add(panels[-1], whole))
            begins = [step(panels[v // VECTORS], v % VECTORS * LANES) for v in range(vectors)]
            sums = [[cgutils.alloca_once_value(builder, value) for value in first] for _ in range(rows)]
            with cgutils.for_range(builder, arguments[5]) as loop:
                here = builder.mul(loop.index, ir.Constant(loop.index.type, PANEL))
                weights = [read(point("table", builder.add(begin, here))) for begin in begins]
                for entry, row_sums in zip(inputs, sums, strict=True):
                    value = _spread(builder, builder.load(builder.gep(entry, [loop.index])))
                    for held, weight in zip(row_sums, weights, strict=True):
                        builder.store(_fused(builder, value, weight, builder.load(held)), held)
            for place, row_sums in zip(places_of, sums, strict=True):
                target = builder.add(builder.load(point("places", place)), arguments[7])
                for v, held in enumerate(row_sums):
                    address = builder.bitcast(point("out", step(target, v * LANES)), _VECTOR.as_pointer())
                    builder.store(builder.load(held), address, align=4)
            return context.get_dummy_value()

        return types.void(x, starts, types.intp, table, types.intp, types.intp, bias, types.intp, out, places), generate

    typed.__name__ = typed.__qualname__ = f"tile_of_{rows}"
    return intrinsic(typed)


_NAMES = ("x", "starts", "row", "table", "at", "depth", "bias", "column", "out", "places")
_many, _two, _one = _tile(ROWS, VECTORS), _tile(2, FEW), _tile(1, FEW)


@njit(cache=True, nogil=True)
def dense(x: Any, starts: Any, rows: int, table: Any, depth: int, bias: Any, out: Any, places: Any) -> None:
    """Write bias + weights x for `rows` rows: row r reads `depth` values of flat `x` from starts[r] on.

    All flat and float32; `table`: panels of PANEL outputs, each [depth, PANEL]; `bias`: one per output, a multiple of
    FEW registers; row r's outputs go to flat `out` from places[r] on. A panel stays in the nearest caches while all
    rows pass it; the last rows, fewer than a tile has, go through tiles of two and of one.
    """
    whole = rows // ROWS * ROWS
    for column in range(0, bias.size, PANEL):
        for row in range(0, whole, ROWS):
            _many(x, starts, row, table, column * depth, depth, bias, column, out, places)
    for column in range(0, bias.size, FEW * LANES):
        at, row = column * depth, whole
        while row + 2 <= rows:
            _two(x, starts, row, table, at, depth, bias, column, out, places)
            row += 2
        if row < rows:
            _one(x, starts, row, table, at, depth, bias, column, out, places)
