"""What went wrong in httpx's and httpx2's words, which are the same."""

from __future__ import annotations

from types import ModuleType

from perflab.gateway.flags.http_client import HttpCallFailed, pool_exhausted


def failure_of(library: ModuleType, error: Exception, connections: int) -> HttpCallFailed:
    """Return the failure that an error of the library, or of what it decoded, means."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, library.HTTPStatusError):
        status = error.response.status_code  # the library's own text has two lines
        return HttpCallFailed.by_status(status, f"answered {status} {error.response.reason_phrase}".rstrip())
    if isinstance(error, library.PoolTimeout):
        return pool_exhausted(connections)
    lost = (library.NetworkError, library.ProtocolError, library.ConnectTimeout)
    return HttpCallFailed(text, transient=isinstance(error, lost))
