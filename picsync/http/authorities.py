"""Reads files of certificate authorities, the public ones ahead of their use.

A bundle of public authorities takes 50 ms. OpenSSL reads it without the interpreter's lock, so a thread can
do it while modules are loaded.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

_ahead: dict[tuple[str, object], Future[ssl.SSLContext]] = {}


def stamp(path: str) -> tuple[int, int] | None:
    """Return a value that changes when the file does; None if there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def begin(environ: Mapping[str, str] = os.environ) -> None:
    """Start to read the public authorities that the environment selects; errors are raised at their use."""
    path = replacement(environ) or public()
    reading: Future[ssl.SSLContext] = Future()
    _ahead[path, stamp(path)] = reading

    def read() -> None:
        try:
            reading.set_result(_read(path))
        except Exception as error:  # noqa: BLE001 - raised for whoever uses them
            reading.set_exception(error)

    threading.Thread(target=read, name="authorities", daemon=True).start()


def replacement(environ: Mapping[str, str]) -> str:
    """Return the file that stands for the public authorities; empty for those of the package certifi."""
    return environ.get("SSL_CERT_FILE", "").strip()


def public() -> str:
    """Return the file of the public authorities."""
    import certifi

    return certifi.where()


def count(path: str) -> int:
    """Return how many certificates a file has; raises SSLError, OSError and ValueError."""
    reading = _ahead.get((path, stamp(path)))
    return (_read(path) if reading is None else reading.result()).cert_store_stats()["x509"]


def context(path: str) -> ssl.SSLContext:
    """Return a new context that trusts the authorities of a file; raises as `count` does."""
    reading = _ahead.pop((path, stamp(path)), None)
    return _read(path) if reading is None else reading.result()


def _read(path: str) -> ssl.SSLContext:
    # Not create_default_context: it would write the keys of all connections to what SSLKEYLOGFILE names.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(path)
    return made
