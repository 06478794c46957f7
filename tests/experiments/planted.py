"""A study of which nothing is started, for tests of what is concluded from block sets with a planted null arm."""

from __future__ import annotations

import numpy as np

from perflab.benches.stats.injected import Planted, make_case


def case(study, where="", column="cpu_ms_per_unit", sign=1, seed=3):
    return make_case(study, np.random.default_rng(seed), Planted(where, column, sign))
