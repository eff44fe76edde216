"""The credentials file's section for a Nixplay account."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from picsync.config.credentials import EMPTY, Account, Password, Section
from picsync.core.text import pasted


class NixplayAccount(Section):
    """The Nixplay account."""

    username: Annotated[str, AfterValidator(pasted)] = Field(
        default="", description="User name or e-mail address of the Nixplay account.", examples=["user"]
    )
    password: Password = Field(default=EMPTY, description="Its password.", examples=['"<password>"'])


def require_account(account: Account) -> NixplayAccount:
    """Return the complete Nixplay account; raises ConfigError, which says what is missing."""
    found = account.read(NixplayAccount)
    account.require(
        {"username": found.username, "password": found.password.get_secret_value()},
        f"Write your Nixplay account there: {account.example('username: <name>, password: <password>')}",
    )
    return found
