"""A throw-away certificate authority for the stand-ins: the client trusts `ca.pem`, nothing else changes in it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import trustme

from perflab.errors import UsageError

CA_NAME, KEY_NAME, CERT_NAME = "ca.pem", "server-key.pem", "server-cert.pem"


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def certificate_names(host: str) -> tuple[str, ...]:
    """Return the names that a stand-in on `host` answers to."""
    return (host, "127.0.0.1", "localhost")


def make_certificates(directory: Path, names: tuple[str, ...] = ("127.0.0.1", "localhost")) -> ssl.SSLContext:
    """Write ca.pem, server-cert.pem and server-key.pem (mode 0600) into `directory`; return the server's context.

    `ca.pem` appears whole or not at all (rename), so that a reader never meets half of it.
    Raises UsageError when the directory cannot be written.
    """
    authority = trustme.CA(organization_name="perflab stand-in")
    leaf = authority.issue_cert(*dict.fromkeys(names))
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(directory / KEY_NAME, leaf.private_key_pem.bytes())
        (directory / CERT_NAME).write_bytes(chain)
        partial = directory / f".{CA_NAME}.{os.getpid()}"
        partial.write_bytes(authority.cert_pem.bytes())
        partial.replace(directory / CA_NAME)
    except OSError as error:
        raise UsageError(f"certificates cannot be written to {directory}: {error}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(directory / CERT_NAME, directory / KEY_NAME)
    return context
