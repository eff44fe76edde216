"""What an ID token proves: whatever its claims are, it is accepted exactly if the standard's checks pass."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.family.openid import LEEWAY_S, WrongTokenError, claims_of, verified_email

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(KEY.public_key())) | {"kid": "one"}
ISSUER, CLIENT, NONCE, NOW = "https://auth.example.org", "picsync", "once", 1_800_000_000.0
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just([]), st.just({})
)
MISSING = object()


def claim(*right: Any, wrong: Any = ANYTHING) -> st.SearchStrategy[tuple[Any, bool]]:
    """Return values of a claim, and whether each is right; mostly right ones, so that all can be."""
    good = st.sampled_from(right).map(lambda value: (value, True))
    bad = st.one_of(wrong, st.just(MISSING)).map(lambda value: (value, False))
    return st.one_of(good, good, good, good, bad)


FAR, NEAR = st.integers(LEEWAY_S + 1, 10**9), st.integers(-(10**9), LEEWAY_S - 1)
CLAIMS = st.fixed_dictionaries(
    {
        "iss": claim(ISSUER, wrong=st.sampled_from([f"{ISSUER}/", "https://evil.example", "", None, 5])),
        "sub": claim("anna", "x" * 255, wrong=st.sampled_from(["", "x" * 256, 7, None, ["anna"]])),
        "nonce": claim(NONCE),
        "exp": st.one_of(
            NEAR.map(lambda ago: (int(NOW) - ago, True)),
            NEAR.map(lambda ago: (int(NOW) - ago, True)),
            FAR.map(lambda ago: (int(NOW) - ago, False)),
            st.sampled_from(["soon", None, [], MISSING]).map(lambda value: (value, False)),
        ),
        "iat": st.one_of(
            NEAR.map(lambda ahead: (int(NOW) + ahead, True)),
            NEAR.map(lambda ahead: (int(NOW) + ahead, True)),
            FAR.map(lambda ahead: (int(NOW) + ahead, False)),
            st.sampled_from(["soon", None, [], MISSING]).map(lambda value: (value, False)),
        ),
    }
)
PARTIES = st.sampled_from(
    [
        # aud, azp, right
        (CLIENT, MISSING, True),
        (CLIENT, CLIENT, True),
        ([CLIENT], MISSING, True),
        ([CLIENT, "other"], CLIENT, True),
        ([CLIENT, "other"], MISSING, False),
        ([CLIENT, "other"], "other", False),
        (CLIENT, "other", False),
        (CLIENT, None, False),
        ("other", CLIENT, False),
        ([], CLIENT, False),
        (MISSING, CLIENT, False),
        (None, MISSING, False),
    ]
)


@settings(max_examples=400, deadline=None)
@given(CLAIMS, PARTIES)
def test_a_token_is_accepted_exactly_if_all_checks_pass(
    drawn: dict[str, tuple[Any, bool]], parties: tuple[Any, Any, bool]
) -> None:
    audience, authorized, right = parties
    claims = {name: value for name, (value, _) in drawn.items()} | {"aud": audience, "azp": authorized}
    claims = {name: value for name, value in claims.items() if value is not MISSING}
    token = jwt.api_jws.encode(json.dumps(claims).encode(), KEY, "ES256", headers={"kid": "one"})
    expected = right and all(right for _, right in drawn.values())

    def found() -> Any:
        return claims_of(token, {"keys": [JWK]}, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now=NOW)

    if expected:
        assert found()["sub"] == claims["sub"]
    else:
        with pytest.raises(WrongTokenError):
            found()


@given(st.dictionaries(st.sampled_from(["email", "email_verified"]), st.one_of(ANYTHING, st.emails())))
def test_an_address_counts_only_if_it_is_verified(claims: dict[str, Any]) -> None:
    found = verified_email(claims)
    assert not found or (claims["email_verified"] is True and found == claims["email"].strip().lower())


def test_the_address_of_an_account() -> None:
    assert verified_email({"email": "Anna@Example.org", "email_verified": True}) == "anna@example.org"
    assert verified_email({"email": "anna@example.org"}) == ""
