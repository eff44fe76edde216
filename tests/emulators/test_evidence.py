from __future__ import annotations

import re
from pathlib import Path

from picsync.emulators.evidence import EVIDENCE, as_markdown
from picsync.emulators.google import GooglePhotos
from picsync.emulators.immich import Immich
from picsync.emulators.nixplay import Nixplay

_ANY = re.compile(r"\{(path|key):\.\*\}")
_PAGE = Path(__file__).parents[2] / "doc" / "emulator-evidence.md"


def _registered() -> list[tuple[str, str]]:
    google = GooglePhotos()
    calls = [
        (host, f"{method.verb} {method.path}") for host, each in google.methods().items() for method in each
    ]
    for service in (google, Immich(), Nixplay()):
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
