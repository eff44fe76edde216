"""What is wrong with an address to listen on."""

from __future__ import annotations

import errno
import os
import socket

from picsync.core.errors import ListenError


def unavailable(host: str, port: int, error: OSError, *, field: str, without: str) -> ListenError:
    """Return the error for an address of the setting `field`; `without` says what else helps."""
    place = f"{host or 'all addresses'}, port {port}"
    number = error.errno
    if isinstance(error, socket.gaierror) or number == errno.EADDRNOTAVAIL:
        what = f"this machine has no address {host!r}."
        hint = f'Write an address of this machine, or none for all addresses: `listen: ":{port}"`.'
    elif number == errno.EADDRINUSE:
        what = f"cannot listen on {place}: another process already uses it."
        hint = "Stop that process (is another picsync running?), or choose another port."
    elif number in (errno.EACCES, errno.EPERM):
        what = f"cannot listen on {place}: the system does not permit it."
        hint = "Choose a port above 1023."
    else:
        what = f"cannot listen on {place}: {os.strerror(number) if number else error}."
        hint = f"Choose another address or port{without}."
    return ListenError(f"picsync.yaml: {field}: {what}", hint=hint)
