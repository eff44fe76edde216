"""Other people's clients of the emulated services, unmodified.

An emulator that only its own tests and picsync have called proves what picsync assumes. Clients that others
wrote for the real service expect what that service does.

Those on npm are named in `package.json` here, with their versions, and installed by
`npm ci --prefix tests/clients`; those on PyPI are the extra `clients` of pyproject.toml. Where they are
missing, their tests are skipped; with `TEST_CLIENTS=required` in the environment, as `.ci/run` sets it, they
fail. The same holds for Chromium, in which `tests/web` opens the pages.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"


def need_npm(*packages: str) -> None:
    """Skip the test unless Node and these packages of `package.json` are installed."""
    if shutil.which("node") is None:
        lacking("Node is not installed")
    for package in packages:
        if not (MODULES / package / "package.json").is_file():
            lacking(f"{package} is not installed: run `npm ci --prefix tests/clients`")


def need_distribution(*names: str) -> None:
    """Skip the test unless these packages of PyPI are installed, whatever they bring."""
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lacking(f"{name} is not installed: run `pip install --editable '.[clients]'`")


def need_python(*modules: str) -> None:
    """Skip the test unless these modules can be imported."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            lacking(f"{module} is not installed: run `pip install --editable '.[clients]'`")


async def run(
    *command: str | Path, stdin: str = "", cwd: Path = HERE, variables: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end and return what it prints; fail with what it complains about."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= variables or {}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, complaints = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{out.decode()[-4000:]}\n{complaints.decode()[-4000:]}"
    return out.decode()


def lacking(why: str) -> NoReturn:
    """Skip the test, or fail where everything is required."""
    if os.environ.get("TEST_CLIENTS") == "required":
        pytest.fail(why)
    pytest.skip(why)
