"""Functions whose true shares of CPU an unprofiled run measures by thread time."""

import time

import numpy as np

TABLE = np.linspace(0.1, 1.0, 20_000)
SIGNAL = np.sin(np.arange(4096))


def mix() -> int:
    """Do the most work, in a loop without calls."""
    total = 7
    for i in range(9000):
        total = (total * 31 + i) & 0xFFFFFFFF
    return total


def steep() -> int:
    """Do less of the same."""
    total = 7
    for i in range(3000):
        total = (total * 17 + i) & 0xFFFFFFFF
    return total


def rinse() -> int:
    """Do work that calls."""
    total = 0
    for i in range(1200):
        total += len(str(i))
    return total


def spectrum() -> None:
    """Do native work."""
    for _ in range(3):
        np.fft.rfft(SIGNAL)


def shape() -> None:
    """Spend the time in one native operator, then call."""
    shaped = TABLE**3.3
    take(shaped)


def take(shaped: np.ndarray) -> float:
    """Be the next function called after the operator."""
    return float(shaped[-1])


def blend() -> int:
    """Work in fresh memory."""
    total = 0
    for _ in range(60):
        block = bytearray(65_536)
        for low in block[:400]:
            total += low
    return total


MODES = {
    "mixed": (mix, steep, rinse, spectrum),
    "operator": (shape, rinse),
    "blend": (blend, rinse, steep),
}


def shares(mode: str, units: int) -> dict[str, float]:
    """Return the true shares of CPU over so many units."""
    spent = dict.fromkeys((function.__name__ for function in MODES[mode]), 0.0)
    for _ in range(units):
        for function in MODES[mode]:
            began = time.thread_time()
            function()
            spent[function.__name__] += time.thread_time() - began
    return {name: used / sum(spent.values()) for name, used in spent.items()}
