"""All secrets: those that the services issued, and those that they received."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote

from tests.cli.command_line import CommandLine
from tests.household_services import MEDIA_HOST

PASSWORD = "marked-password-1f3e"
NOTIFY_PASSWORD = "marked-notify-7c2a"
NO_CONSENT = "CAI"
"""A cookie's value that is the same for everyone."""


@dataclass
class Secrets:
    """The secrets of a household, by what they are."""

    cli: CommandLine
    signed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        signer = self.cli.nixplay._parts.signer
        sign = signer.sign

        def signing(text: str) -> str:
            signature = sign(text)
            self.signed.add(signature)
            return signature

        signer.sign = signing  # type: ignore[method-assign]  # to see what it hands out

    def all(self) -> dict[str, set[str]]:
        """Return all there are by now."""
        account, parts = self.cli.google.account, self.cli.nixplay._parts
        records = self.cli.server.log.records
        cookies = [record.headers.get("Cookie", "") for record in records]
        authorized = [record.headers.get("Authorization", "") for record in records]
        forms = [parse_qs(record.body.decode(errors="replace")) for record in records]
        links = self.cli.google.sharing.shares.all()
        found = {
            "password": {PASSWORD},
            "link": {secret for link in links for secret in (link.code, link.auth_key)},
            "notify": {NOTIFY_PASSWORD},
            "client secret": {client.client_secret for client in account.clients.values()},
            "refresh token": set(account.grants),
            "access token": {*account.access_tokens, *(each.rpartition(" ")[2] for each in authorized)},
            "cookie": {each.partition("=")[2] for line in cookies for each in line.split("; ")}
            - {NO_CONSENT},
            "csrf": {record.headers.get("X-CSRFToken", "") for record in records},
            "upload token": {
                *parts.uploads._receivers,
                *(each for form in forms for each in form.get("uploadToken", [])),
            },
            "signature": {*self.signed, *(quote(each, safe="") for each in self.signed)},
            "base URL": {
                record.path.rpartition("/")[2].partition("=")[0]
                for record in records
                if record.host == MEDIA_HOST
            },
        }
        return {kind: {each for each in values if each} for kind, values in found.items()}

    def assert_absent(self, told: dict[str, bytes]) -> None:
        """None of them is in what was told, by where it was told."""
        found = self.all()
        assert all(found.values()), (
            f"none of these was ever used: {[kind for kind in found if not found[kind]]}"
        )
        leaks = [
            f"{kind} {secret[:30]}... in {place}"
            for place, content in told.items()
            for kind, secrets in found.items()
            for secret in secrets
            if secret.encode() in content
        ]
        assert not leaks, "\n".join(leaks)


def left_behind(folder: Path, *, known: set[Path]) -> dict[str, bytes]:
    """Return the files below a folder, those apart that hold secrets because a person wrote them there."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path not in known and not path.is_symlink()
    }


def unpacked(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
