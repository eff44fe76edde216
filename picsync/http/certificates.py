"""What to tell people when a server cannot prove that it is the one it should be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from picsync.http.retry import NoAnswer

CLOCK_HINT = (
    "Check this machine's clock, and whether something on the way (a proxy, a login page of the network) "
    "answers in the service's place. If the certificate comes from an authority of your own, name the file "
    "of that authority in picsync.yaml: `caCertificates: <file>`."
)


def refused_certificate(error: BaseException) -> NoAnswer | None:
    """Return what happened if a connection failed for its certificate, else None.

    The libraries hide the reason at different depths of the exceptions' causes.
    """
    for at in _behind(error):
        if isinstance(at, ssl.SSLCertVerificationError):
            reason = at.verify_message.rstrip(".")
            return NoAnswer(
                f"the certificate of the server is refused ({reason})", sent=False, hint=CLOCK_HINT
            )
    return None


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it came from, each once: raised again, one can be its own cause."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        at = waiting.pop(0)
        if at is not None and id(at) not in seen:
            seen.add(id(at))
            yield at
            waiting += [at.__cause__, at.__context__]
