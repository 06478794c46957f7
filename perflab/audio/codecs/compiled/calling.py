"""Calling a C function from compiled code by its address.

Why by address and not by name: the address is an argument, so that the compiled code holds nothing of this process and
can be cached; numba caches no code that names a ctypes function.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from perflab.audio.kernels.compiled.untyped import intrinsic, types


@intrinsic
def invoke(typing: Any, address: Any, arguments: Any) -> Any:
    """Return the int32 that the C function at `address` returns for the tuple of integer arguments."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        packed = signature.args[1]
        given = [builder.extract_value(values[1], k) for k in range(len(packed))]
        kinds = [context.get_value_type(packed[k]) for k in range(len(packed))]
        function = ir.FunctionType(ir.IntType(32), kinds)
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), given)

    return types.int32(types.int64, arguments), write
