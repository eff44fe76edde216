"""No value that holds a secret displays it, and no log of a library repeats one, at any level."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import pkgutil
import re
import traceback
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import picsync
from picsync.core.errors import PicsyncError
from tests.security.servers import http, named, serving
from tests.security.stacks import Stack, certified

SECRET = re.compile(
    r"secret|password|token|cookie|signature|policy|api_?key|auth_?key|access_key|credential|(^|_)urls?$"
)
HARMLESS = {
    "token_type",  # Says `Bearer`.
    "next_page_token",  # Opens nothing without the login.
    "next_token",
    "page_token",
    "token_expires_at",
    "token_id",  # The name of a device's token.
}
NO_SECRETS = {
    "picsync.config.listening.WebListener.url",  # Addresses of this picsync.
    "picsync.config.listening.Webhooks.url",
    "picsync.family.openid._Description.token_endpoint",  # Public.
    "picsync.family.openid._Description.token_endpoint_auth_methods_supported",
    "picsync.frames.web.access.Grants.tokens",  # Hashes.
    "picsync.web.family.services.Services.url",
    "picsync.stores.base.Move.token",  # By which a move is recognised after a crash.
}


def modules() -> Iterator[object]:
    for found in pkgutil.walk_packages(picsync.__path__, "picsync."):
        if (
            "emulators" not in found.name
            and "migrations" not in found.name
            and not found.name.endswith("__main__")
        ):
            yield importlib.import_module(found.name)


def classes() -> list[type]:
    own = {
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__.startswith("picsync.")
        and value.__module__ != "picsync.cli.scenes"
    }
    return sorted(own, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")


def shown(kind: type) -> Iterator[str]:
    """Yield the names of a class's fields that its repr shows as they are."""
    if dataclasses.is_dataclass(kind) and getattr(kind, "__repr__", None) is not None:
        for each in dataclasses.fields(kind):
            if each.repr and "str" in str(each.type) and "SecretStr" not in str(each.type):
                yield each.name
    elif issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if field.repr and "str" in str(field.annotation) and "SecretStr" not in str(field.annotation):
                yield name


def test_fields_that_sound_like_secrets_are_never_shown() -> None:
    kinds = classes()
    assert len(kinds) > 100
    found = [
        f"{kind.__module__}.{kind.__qualname__}.{name}"
        for kind in kinds
        for name in shown(kind)
        if SECRET.search(name) and name not in HARMLESS
    ]
    found = [name for name in found if name not in NO_SECRETS]
    assert not found


async def test_errors_and_debug_logs_contain_no_secret(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ("marked-password", "marked-secret", "marked-refresh", "marked-access", "marked-code")
    caplog.set_level(logging.DEBUG)
    async with serving(lambda _: http("400 No", "{}"), certified(stack.host)) as server:
        with named({stack.host: server.port}), pytest.raises(PicsyncError) as caught:
            await stack.talk()
    told = caplog.text + "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert [line for line in told.splitlines() if any(secret in line for secret in secrets)] == []
