"""The models of `family.oidc` in picsync.yaml, and of the section `oidc` of the credentials file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from picsync.config.credentials import EMPTY, Key, SecretKey, Section
from picsync.config.options import Boolean, Options, one_line
from picsync.core.text import pasted
from picsync.http.addresses import base_address

SECTION = "oidc"
REDIRECT_PATH = "/sign-in/openid/done"
"""Where the provider sends people back to, below `web.url`."""
_EXAMPLE = "https://auth.example.org"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_NAME = 40


def _issuer(value: str) -> str:
    """Return an issuer as it was written: tokens carry it, and are compared with it letter by letter."""
    url = base_address(value, _EXAMPLE, "the provider's issuer")
    if url.scheme != "https" and url.host not in _LOCAL:
        # Whoever reads along could answer in the provider's name.
        raise ValueError("must begin with `https://`")
    return pasted(value)


class OpenId(Options):
    """Lets people sign in through an OpenID Connect provider, by an account that they have linked."""

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        description="The provider's issuer: its address without `/.well-known/openid-configuration`, exactly"
        " as the provider writes it. Needs `web.url`, and the client's ID and secret under `oidc` in the"
        " credentials file. Register `<web.url>/sign-in/openid/done` there as the redirect URI.",
        examples=[_EXAMPLE, "https://accounts.google.com"],
    )
    name: Annotated[str, AfterValidator(one_line(_MAX_NAME))] = Field(
        default="OpenID Connect",
        description="What the pages call the provider.",
        examples=["Google", "our Authelia"],
    )
    by_email: Boolean = Field(
        default=False,
        description="Whether an account that is linked to nobody is linked to the person who has its e-mail"
        " address (`picsync family invite NAME --email ADDRESS`), if the provider says that it has verified"
        " it. Only for a provider that really does.",
        examples=["true"],
    )


class OpenIdClient(Section):
    """The client that is registered at the provider of `family.oidc`, through which the family signs in."""

    client_id: Key = Field(default="", description="ID of the client.", examples=["picsync"])
    client_secret: SecretKey = Field(
        default=EMPTY, repr=False, description="Secret of the client.", examples=['"<secret>"']
    )
