"""Forbidden constructs, and the linter rules that reject them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "picsync").rglob("*.py"))

EXCUSED = {
    ("cache/sqlite.py", "S608"): 2,  # Names of tables and columns from our own schema.
    ("observe/notify/delivery.py", "S603"): 1,  # Our own program, and nothing of a URL is an argument.
    ("web/frame/page.py", "S704"): 1,  # JSON in which the characters of markup are escaped.
    ("web/pages.py", "S704"): 2,  # Style and script are files of this package.
}
"""Lines that the linter's security rules are told to leave alone; those about secrets' names, assertions and
randomness, which protect nothing, are not counted."""
HARMLESS = {"S101", "S104", "S105", "S106", "S107", "S311"}

UNVERIFIED = {
    "CERT_NONE",
    "_create_unverified_context",
    "disable_ssl_certificate_validation",
    "OAUTHLIB_INSECURE_TRANSPORT",
    "PYTHONHTTPSVERIFY",
    "disable_warnings",
}


def test_the_linter_s_security_rules_are_on() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S") and not rule.startswith("SIM")]
    shipped = [rules for path, rules in lint["per-file-ignores"].items() if "picsync" in path]
    assert not [rule for rules in shipped for rule in rules if re.fullmatch(r"S\d*", rule)]


def test_nothing_else_is_excused_from_them() -> None:
    found: dict[tuple[str, str], int] = {}
    for path in CODE:
        for line in path.read_text("utf-8").splitlines():
            for rule in re.findall(r"S\d{3}", (re.search(r"# noqa:([\w, ]+)", line) or [""])[0]):
                if rule not in HARMLESS:
                    key = (path.relative_to(ROOT / "picsync").as_posix(), rule)
                    found[key] = found.get(key, 0) + 1
    assert found == EXCUSED


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_connection_is_verified(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="verify" | "check_hostname", value=ast.Constant(value=False | None)):
                raise AssertionError(f"{path}:{node.value.lineno} trusts whoever answers")
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.keyword(arg=str(name)):
                assert name not in UNVERIFIED, f"{path}: {name}"
            case ast.Constant(value=str(text)):
                assert text not in UNVERIFIED, f"{path}: {text}"


CONNECTING = re.compile(
    r"httpx\.(?:Async)?Client\(|httpx\.(?:get|post|stream)\(|requests\.(?:Session|get|post)\("
    r"|ClientSession\(|urlopen\(|httplib2\.Http\(|create_connection\(|open_connection\("
)
MEANT = {"http/transport.py"}
"""Where connections to services are made by name; the rest goes through them or Google's libraries."""


def test_nothing_else_connects_to_servers() -> None:
    found = {
        path.relative_to(ROOT / "picsync").as_posix()
        for path in CODE
        if CONNECTING.search(path.read_text("utf-8")) and "emulators" not in path.parts
    }
    assert found == MEANT


def test_the_installed_packages_fit_together() -> None:
    """Part of the audit that needs no network; doc/security.md has the rest."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 or "picsync" not in done.stdout, done.stdout


def test_what_is_installed_in_the_image_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-build.lock"):
        entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text("utf-8"))
        pins = [entry for entry in entries if re.match(r"[A-Za-z0-9]", entry)]
        assert pins
        for pin in pins:
            assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", pin), pin[:80]
            assert "--hash=sha256:" in pin, pin[:80]


def test_no_dependency_comes_from_elsewhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    every = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert not [each for each in every if re.search(r"@|://", each)], "by URL or from a repository"
    locked = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = {_known_as(found) for found in re.findall(r"^([A-Za-z0-9._-]+)", locked, re.MULTILINE)}
    for each in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", each)
        assert name
        assert _known_as(name[0]) in pinned, f"{each} is not locked"


def _known_as(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
