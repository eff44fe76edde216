"""The private certificate authority of one run: the emulated services use TLS, as the real services do."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import certifi
import trustme


class Authority:
    """An authority, and the certificate that it issued for this machine."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._issued = self._authority.issue_cert("127.0.0.1", "localhost")

    def server_context(self) -> ssl.SSLContext:
        """Return what a server of this machine listens with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issued.configure_cert(context)
        return context

    def write(self, path: Path) -> Path:
        """Write the authority's own certificate to a file, for clients; return the path."""
        self._authority.cert_pem.write_to_path(str(path))
        return path

    def write_bundle(self, path: Path) -> Path:
        """Write the public authorities and this one to a file, as `SSL_CERT_FILE` names it; return the path.

        The public ones are included because a client of the real services loads them, too.
        """
        path.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + self._authority.cert_pem.bytes())
        return path


@cache
def authority() -> Authority:
    """Return the authority of this run."""
    return Authority()


def plain_environment() -> Mapping[str, str]:
    """Return this process's environment without what would change how picsync runs.

    picsync's own settings are left out, and what Python reads: without bytecode, for example, each start
    would compile every module. Certificates and proxies of this machine do not count, either.
    """
    dropped = ("PICSYNC_", "PYTHON", "SSL_CERT_", "HTTPLIB2_", "REQUESTS_", "MALLOC_", "LD_PRELOAD")
    proxies = {f"{name}_proxy" for name in ("http", "https", "all", "no")}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and name.lower() not in proxies
    }
