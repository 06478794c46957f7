"""Signal processing for many voice sessions at once: compiled kernels, each beside its plain oracle.

PCM is int16 [sessions, samples]. One call handles all sessions of a tick, because the call itself (0.2 us and more)
and the transposition to lanes are then paid once. Nothing here imports numba until a kernel is made or called.
"""
