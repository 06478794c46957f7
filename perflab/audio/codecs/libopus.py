"""libopus itself: found in PyAV's wheel or on the system, its functions as addresses that compiled code can call."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perflab.errors import UsageError

OK, VOIP = 0, 2048  # opus_defines.h
REQUESTS = {"bit_rate": 4002, "complexity": 4010, "fec": 4012, "loss_percent": 4014, "dtx": 4016}
RESET, GET_LOOKAHEAD = 4028, 4027
PLACES = (("av.libs", "libopus*.so*"), ("av.libs", "libopus*.dll"), ("av/.dylibs", "libopus*.dylib"))


@dataclass(frozen=True)
class LibOpus:
    """The loaded library; `path` and `version` say which; the addresses are for compiled code."""

    path: str
    version: str
    functions: Any
    encode_address: int
    decode_address: int
    samples_address: int

    def encoder_size(self) -> int:
        """Return the bytes of a mono encoder's state."""
        return int(self.functions.opus_encoder_get_size(1))

    def decoder_size(self) -> int:
        """Return the bytes of a mono decoder's state."""
        return int(self.functions.opus_decoder_get_size(1))

    def start_encoder(self, state: int, rate_hz: int) -> None:
        """Make an encoder for speech in the memory at `state`."""
        self._held(self.functions.opus_encoder_init(state, rate_hz, 1, VOIP), "make an encoder")

    def start_decoder(self, state: int, rate_hz: int) -> None:
        """Make a decoder in the memory at `state`."""
        self._held(self.functions.opus_decoder_init(state, rate_hz, 1), "make a decoder")

    def set(self, state: int, setting: str, value: int) -> None:
        """Set one of REQUESTS of the encoder at `state`."""
        done = self.functions.opus_encoder_ctl(state, REQUESTS[setting], ctypes.c_int(value))
        self._held(done, f"set {setting} to {value}")

    def forget(self, encoder: int, decoder: int) -> None:
        """Forget what was sent and heard; settings stay."""
        self._held(self.functions.opus_encoder_ctl(encoder, RESET), "reset an encoder")
        self._held(self.functions.opus_decoder_ctl(decoder, RESET), "reset a decoder")

    def lookahead(self, state: int) -> int:
        """Return the samples by which decoded sound lags what the encoder at `state` got."""
        found = ctypes.c_int()
        self._held(self.functions.opus_encoder_ctl(state, GET_LOOKAHEAD, ctypes.byref(found)), "tell its lookahead")
        return found.value

    def error(self, code: int) -> str:
        """Return libopus's words for a negative result."""
        return str(self.functions.opus_strerror(code).decode("ascii", "replace"))

    def _held(self, code: int, what: str) -> None:
        if code != OK:
            raise UsageError(f"libopus {self.version} could not {what}: {self.error(code)}")


@lru_cache(maxsize=1)
def libopus() -> LibOpus:
    """Load the library that PyAV's wheel carries, else the system's; raises UsageError when there is none."""
    for path in _candidates():
        try:
            loaded = ctypes.CDLL(path)
        except OSError:
            continue  # another candidate may load; if none does, the error below names them all
        return _bound(loaded, path)
    raise UsageError(f"No libopus among {', '.join(_candidates()) or 'the files of PyAV'}", "libopus",
                     "Install PyAV's wheel, which carries it: pip install av")  # fmt: skip


def _candidates() -> list[str]:
    spec = find_spec("av")
    bases = [Path(base).parent for base in (spec.submodule_search_locations or [])] if spec else []
    carried = [str(path) for base in bases for folder, name in PLACES for path in sorted((base / folder).glob(name))]
    system = ctypes.util.find_library("opus")
    return carried + ([system] if system else [])


def _bound(loaded: Any, path: str) -> LibOpus:
    """Declare the functions: pointers must not be cut to 32 bits, and variadic ones need their fixed arguments."""
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    loaded.opus_get_version_string.restype = ctypes.c_char_p
    loaded.opus_strerror.restype, loaded.opus_strerror.argtypes = ctypes.c_char_p, [integer]
    loaded.opus_encoder_init.argtypes = [pointer, ctypes.c_int32, integer, integer]
    loaded.opus_decoder_init.argtypes = [pointer, ctypes.c_int32, integer]
    loaded.opus_encoder_ctl.argtypes = [pointer, integer]
    loaded.opus_decoder_ctl.argtypes = [pointer, integer]
    if sys.maxsize < 1 << 32:
        raise UsageError("A Python of 32 bits", "64 bits: the compiled code passes addresses as such")
    addresses = (ctypes.cast(getattr(loaded, name), pointer).value or 0
                 for name in ("opus_encode", "opus_decode", "opus_packet_get_nb_samples"))  # fmt: skip
    return LibOpus(path, loaded.opus_get_version_string().decode("ascii"), loaded, *addresses)
