"""Dense layers of a network for many rows at once: outputs are lanes, so that one row fills the registers too."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit

from perflab.audio.kernels.compiled.simd import _VECTOR, _address, _fused, _spread
from perflab.audio.kernels.compiled.untyped import cgutils, intrinsic, types
from perflab.audio.kernels.lanes import LANES

VECTORS = 4  # registers of outputs in a tile
PANEL = VECTORS * LANES
ROWS = 6 if LANES == 16 else 2  # of inputs in a tile: 24 sums in 32 registers, or 8 in 16


def _tile(rows: int) -> Any:
    """Return a function that makes `rows` rows of PANEL outputs, its sums kept in registers from first to last."""

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
            first = [read(point("bias", step(arguments[7], v * LANES))) for v in range(VECTORS)]
            sums = [[cgutils.alloca_once_value(builder, value) for value in first] for _ in range(rows)]
            with cgutils.for_range(builder, arguments[5]) as loop:
                here = builder.add(arguments[4], builder.mul(loop.index, ir.Constant(loop.index.type, PANEL)))
                weights = [read(point("table", step(here, v * LANES))) for v in range(VECTORS)]
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
_many, _two, _one = _tile(ROWS), _tile(2), _tile(1)


@njit(cache=True, nogil=True)
def dense(x: Any, starts: Any, rows: int, table: Any, depth: int, bias: Any, out: Any, places: Any) -> None:
    """Write bias + weights x for `rows` rows: row r reads `depth` values of flat `x` from starts[r] on.

    All flat and float32; `table`: panels of PANEL outputs, each [depth, PANEL]; `bias`: one per output; row r's
    outputs go to flat `out` from places[r] on. A panel stays in the nearest caches while all rows pass it.
    """
    for column in range(0, bias.size, PANEL):
        at, row = column * depth, 0
        while row + ROWS <= rows:
            _many(x, starts, row, table, at, depth, bias, column, out, places)
            row += ROWS
        while row + 2 <= rows:
            _two(x, starts, row, table, at, depth, bias, column, out, places)
            row += 2
        if row < rows:
            _one(x, starts, row, table, at, depth, bias, column, out, places)
