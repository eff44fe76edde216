"""What to tell people when a server cannot prove that it is the one it should be."""

from __future__ import annotations

import ssl

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
    at: BaseException | None = error
    while at is not None and not isinstance(at, ssl.SSLCertVerificationError):
        at = at.__cause__ or at.__context__
    if at is None:
        return None
    reason = at.verify_message.rstrip(".")
    return NoAnswer(f"the certificate of the server is refused ({reason})", sent=False, hint=CLOCK_HINT)
