"""The reason of a failed connection, behind chains of exceptions of any shape."""

from __future__ import annotations

import ssl

import pytest

from picsync.http.certificates import refused_certificate

REFUSED = ssl.SSLCertVerificationError("x")
REFUSED.verify_message = "expired."


def chained(*errors: BaseException) -> BaseException:
    """Return the first of some errors, each of which was raised from the next; the last from the first."""
    for error, cause in zip(errors, (*errors[1:], errors[0]), strict=True):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.timeout(20)
def test_a_chain_that_leads_back_to_itself_ends() -> None:
    assert refused_certificate(chained(OSError(), ValueError(), KeyError())) is None
    alone = OSError()
    alone.__cause__ = alone
    assert refused_certificate(alone) is None


@pytest.mark.timeout(20)
def test_the_reason_is_found_beside_a_chain_too() -> None:
    error = chained(OSError(), ValueError())
    assert error.__cause__ is not None
    error.__cause__.__context__ = REFUSED
    found = refused_certificate(error)
    assert found is not None
    assert "(expired)" in found.reason
