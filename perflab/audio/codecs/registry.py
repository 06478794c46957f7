"""Every codec by its name: a codec adds itself by being a module here with `CODECS`."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from perflab.audio import codecs
from perflab.audio.codecs.codec import Codec
from perflab.errors import UsageError


@lru_cache(maxsize=1)
def all_codecs() -> dict[str, Codec]:
    """Return every codec by name, in the order of the names."""
    modules = [import_module(f"{codecs.__name__}.{found.name}") for found in iter_modules(codecs.__path__)
               if not found.ispkg and found.name != "registry"]  # fmt: skip
    found = [codec for module in modules for codec in getattr(module, "CODECS", ())]
    return {codec.name: codec for codec in sorted(found, key=lambda codec: codec.name)}


def codec_named(name: str) -> Codec:
    """Return the codec of this name; raises UsageError for a name that no codec has."""
    known = all_codecs()
    if name not in known:
        raise UsageError(f"No codec {name!r}", f"codecs are {', '.join(known)}")
    return known[name]
