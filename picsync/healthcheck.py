"""`python -m picsync.healthcheck [URL]`: exit code 0 if a running picsync reports that it is healthy, else 1.

For the container's health check, where there is neither a shell nor curl. It uses only the standard library,
so that a check every minute is cheap, and it never uses a proxy.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:1971/healthz"
TIMEOUT_S = 5.0
"""Shorter than the image's limit of 10 s for the check, so that the reason is still printed."""


def check(url: str, *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Return why the picsync at `url` is unhealthy, or None; raises ValueError for a bad URL."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"must be a URL such as {DEFAULT_URL}, not {url[:60]!r}")
    connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        text = answer.read(500).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return f"No response from {url}: {str(error) or type(error).__name__}."
    finally:
        connection.close()
    return None if answer.status == 200 else f"{url} answers {answer.status}: {text}"


def main(arguments: list[str]) -> int:
    """Print what is wrong, if anything, to stderr; return the exit code."""
    try:
        problem = check(*arguments[:1] or [DEFAULT_URL])
    except ValueError as error:
        problem = f"The argument {error}."
    if problem is None:
        return 0
    print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
