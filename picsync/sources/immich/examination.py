"""Checks the server and its API key, for `picsync doctor`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from picsync.core.errors import RefusedError
from picsync.core.model import Finding, Mark
from picsync.sources.immich.address import ServerAddress
from picsync.sources.immich.api import TITLE, ImmichApi
from picsync.sources.immich.listing import known_version
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.refusals import API_KEYS, PERMISSIONS

_HOME_SUFFIXES = (".local", ".lan", ".home", ".internal", ".home.arpa", ".localhost", ".fritz.box")
_KEY = f"{TITLE} API key"


async def examined(
    api: ImmichApi, server: ServerAddress, entries: Sequence[ImmichEntry]
) -> Sequence[Finding]:
    """Return the findings; raises what the calls raise."""
    version = await known_version(api)
    findings = [Finding(Mark.OK, TITLE, f"{version} responds at {server}.")]
    if not version.known:
        text = f"picsync does not know version {version}: it uses only listings that it can verify."
        findings.append(Finding(Mark.NOTE, TITLE, text, "Check for a newer picsync."))
    if server.origin.startswith("http://") and not _is_local(server.host):
        text = "the API key is sent over the internet unencrypted."
        findings.append(
            Finding(
                Mark.NOTE, TITLE, text, "Set up HTTPS on the server, and write https:// into its address."
            )
        )
    return [*findings, await _key(api, entries)]


async def _key(api: ImmichApi, entries: Sequence[ImmichEntry]) -> Finding:
    try:
        held = set((await api.key()).permissions)
    except RefusedError as error:
        return Finding(Mark.NOTE, _KEY, f"its permissions are unknown. {error.message}", error.hint)
    lacking = [] if "all" in held else [name for name in _needed(entries) if name not in held]
    if not lacking:
        return Finding(Mark.OK, _KEY, "it has all permissions that picsync needs.")
    fix = f"In Immich, under {API_KEYS}, edit the key and tick them."
    return Finding(Mark.PROBLEM, _KEY, f"it lacks the permissions {', '.join(lacking)}.", fix)


def _needed(entries: Sequence[ImmichEntry]) -> Iterator[str]:
    yield from PERMISSIONS
    if any(entry.person for entry in entries):
        yield "person.read"
    if any(entry.tag for entry in entries):
        yield "tag.read"


def _is_local(host: str) -> bool:
    """Whether a host name looks like one of the local network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_HOME_SUFFIXES)
