"""The whole miss-ratio curve of LRU in one pass over the trace: Mattson's stack distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from perflab.cache.policies.interface import Misses
from perflab.cache.trace import Trace, check_capacity
from perflab.jit import njit

WORDS = 4  # per block: one cache line holds two blocks, and a rank reads four words at most


@dataclass(frozen=True)
class StackDistances:
    """How deep in LRU's stack each request found its object.

    `distances`: int64 [objects + 1]; distances[d] requests found their object at depth d (1 is the top), so they hit
    in every cache of at least d objects. `first`: requests for an object not seen before, which miss in every cache.
    """

    distances: NDArray[np.int64]
    first: int

    @property
    def requests(self) -> int:
        """The number of requests."""
        return int(self.distances.sum()) + self.first

    def missed(self, capacity: int) -> int:
        """Return how many requests an LRU cache of that many objects misses."""
        return self.requests - int(self.distances[: check_capacity(capacity, "objects") + 1].sum())

    def misses(self, capacity: int) -> Misses:
        """Return the same as `registry.simulate` with LRU, without a simulation."""
        missed = self.missed(capacity)
        return Misses(self.requests, missed, self.requests, missed)

    def hit_ratios(self) -> NDArray[np.float64]:
        """Return the hit ratio of every capacity from 0 to all objects, float64 [objects + 1]."""
        return np.cumsum(self.distances) / self.requests

    def capacity_for(self, hit_ratio: float) -> int | None:
        """Return the smallest cache that reaches a hit ratio, None when none does: first requests always miss."""
        reached = self.hit_ratios()
        return int(np.searchsorted(reached, hit_ratio)) if reached[-1] >= hit_ratio else None


def stack_distances(trace: Trace) -> StackDistances:
    """Return LRU's stack distances of a trace, every object counted as one; sizes are ignored.

    The last request of each object is a 1 in a row of bits over time; a distance is the number of ones since then.
    Blocks of 256 bits are counted by the machine's population count, whole blocks by a Fenwick tree that is small
    enough for the nearest caches: n / 8 bytes of bits and n / 64 bytes of tree. Cost per request: one look at the
    object's last request, four words, two paths of log2(n / 256) steps.
    Sources: Mattson et al., Evaluation techniques for storage hierarchies (1970); Bennett and Kruskal (1975) for the
    tree over time; Fenwick (1994). Weakness: LRU alone, because it is a stack algorithm; others are simulated.
    """
    distances, first = _distances(trace.ids, trace.objects)
    return StackDistances(distances, int(first))


def _count_ones(typing_context: Any, word: Any) -> Any:
    """Count the one bits of a uint64: one machine instruction where the processor has it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)]), arguments)

    return types.uint64(types.uint64), generate


_ones: Any = intrinsic(_count_ones)


@njit(cache=True, nogil=True)
def _distances(ids: Any, objects: Any) -> Any:
    found, last = np.zeros(objects + 1, np.int64), np.full(objects, -1, np.int32)
    blocks = ids.size // (64 * WORDS) + 1
    bits, tree = np.zeros(blocks * WORDS, np.uint64), np.zeros(blocks + 1, np.int32)
    seen = 0
    for t in range(ids.size):
        x = ids[t]
        before = last[x]
        last[x] = t
        if before < 0:
            seen += 1
        else:
            word, block = before >> 6, before // (64 * WORDS)
            older = np.int64(_ones(bits[word] & ((np.uint64(1) << np.uint64(before & 63)) - np.uint64(1))))
            for w in range(block * WORDS, word):
                older += np.int64(_ones(bits[w]))
            at = block
            while at > 0:
                older += tree[at]
                at &= at - 1
            found[seen - older] += 1
            bits[word] ^= np.uint64(1) << np.uint64(before & 63)
            at = block + 1
            while at <= blocks:
                tree[at] -= 1
                at += at & -at
        bits[t >> 6] |= np.uint64(1) << np.uint64(t & 63)
        at = t // (64 * WORDS) + 1
        while at <= blocks:
            tree[at] += 1
            at += at & -at
    return found, seen
