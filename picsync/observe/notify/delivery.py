"""Delivers messages through the Apprise library: a process for each, with a time limit and without output."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from picsync.core.errors import Problem, TransientError
from picsync.observe.notify.courier import NOT_UNDERSTOOD
from picsync.observe.notify.notices import Message
from picsync.system.packages import extra_advice

LIMIT_S = 30.0
"""Time limit of a delivery in seconds; Apprise itself allows a mail server 15."""
CHECK_LIMIT_S = 60.0
"""Time limit for checking a URL in seconds, which takes less than one on an idle machine."""

_INHERITED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)
"""Environment variables that the courier receives: what a request needs, and none of picsync's secrets."""

# With -P, no file next to the courier is imported instead of a module of Apprise.
_COMMAND = (sys.executable, "-P", str(Path(__file__).with_name("courier.py")))


def label(url: SecretStr) -> str:
    """Return the part of a URL that is not secret, such as "mailto://..."."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,30}(?=://)", url.get_secret_value().strip())
    return f"{found[0].lower()}://..." if found else "a URL without a scheme"


def check_notify(urls: Sequence[SecretStr], file: str) -> list[Problem]:
    """Return the problems of the `notify` setting of `file`.

    Starts a process for each URL and waits for it, about half a second each: call it in a thread if anything
    else has to continue.
    """
    if not urls:
        return []
    if importlib.util.find_spec("apprise") is None:
        return [Problem(file, None, "notify", f"needs the Apprise library. {extra_advice('notify')}")]
    return [
        Problem(file, None, f"notify[{at}]", problem)
        for at, url in enumerate(urls)
        if (problem := _problem(url)) is not None
    ]


def _problem(url: SecretStr) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - our own program; the URL is not an argument
            _COMMAND,
            input=_letter(url, None, CHECK_LIMIT_S),
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CHECK_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"{label(url)} could not be checked, since a process for it could not be started. Try again."
    if done.returncode == 0:
        return None
    if done.returncode == NOT_UNDERSTOOD:
        return (
            f"{label(url)} is not an Apprise URL, or one whose service needs another package;"
            " see https://appriseit.com for how the URL of each service is written."
        )
    return f"{label(url)} could not be checked: the Apprise library does not work. {extra_advice('notify')}"


async def deliver(url: SecretStr, message: Message, *, limit_s: float = LIMIT_S) -> None:
    """Deliver a message; raises TransientError if that was not confirmed within `limit_s`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal is for picsync, which lets this finish.
            process_group=0,
        )
    except OSError as error:
        raise TransientError(f"{label(url)}: a process for the delivery could not be started.") from error
    try:
        async with asyncio.timeout(limit_s):
            await process.communicate(_letter(url, message, limit_s))
    except TimeoutError:
        raise TransientError(f"{label(url)}: it did not respond within {limit_s:.0f} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise TransientError(f"{label(url)}: it is unreachable, or refuses the message.")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _INHERITED}


def _letter(url: SecretStr, message: Message | None, limit_s: float) -> bytes:
    letter = {
        "url": url.get_secret_value(),
        "title": message.title if message else None,
        "body": message.body if message else None,
        "level": message.level if message else None,
        "limit_s": math.ceil(limit_s) + 1,
    }
    return json.dumps(letter).encode()
