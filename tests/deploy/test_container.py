"""The Dockerfile, compose.yaml, the locks and the systemd unit. What needs an engine is in prove_image.py."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from picsync.healthcheck import DEFAULT_URL, TIMEOUT_S
from picsync.run.scheduler import GRACE_S
from picsync.sync.tempfiles import DEFAULT_BUDGET_BYTES
from tests.deploy.manifests import ROOT, read

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
BUILD, FINAL = re.split(r"^FROM scratch$", DOCKERFILE, flags=re.MULTILINE)
COMPOSE = read(ROOT / "compose.yaml")["services"]["picsync"]
UNIT = (ROOT / "doc" / "picsync.service").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
IMAGE_EXTRAS = ("cjk", "notify", "places")


def environment(stage: str) -> dict[str, str]:
    return dict(re.findall(r"^(?:ENV|   ) ([A-Z_]+)=(\S+)", stage, flags=re.MULTILINE))


def exec_form(instruction: str) -> list[str]:
    found = re.search(rf"^(?:    )?{instruction} (\[.*\])$", FINAL, flags=re.MULTILINE)
    assert found, f"{instruction} is not in exec form; nothing in the image could run it"
    return [str(word) for word in json.loads(found[1])]


def locked(name: str) -> dict[str, str]:
    """Return the versions that a lock names, by canonical name; each must have a hash."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text("utf-8"))
    entries = [entry for entry in entries if not entry.startswith("#")]
    assert all("--hash=sha256:" in entry for entry in entries)
    pairs = [entry.split(" ", 1)[0].split("==") for entry in entries]
    return {canonicalize_name(package): version for package, version in pairs}


def needed(requirements: list[str], versions: dict[str, str]) -> list[str]:
    """Return what is needed of `requirements`, and by what they need in turn, but not in `versions`."""
    missing = []
    waiting = [Requirement(text) for text in requirements]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if not one.specifier.contains(versions.get(name, "0"), prereleases=True):
            missing.append(str(one))
        for text in (name not in seen and requires(name)) or []:
            further = Requirement(text)
            if any(
                further.marker is None or further.marker.evaluate({"extra": e}) for e in one.extras | {""}
            ):
                waiting.append(further)
        seen.add(name)
    return missing


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        (
            "requirements.lock",
            [
                *PROJECT["project"]["dependencies"],
                *(PROJECT["project"]["optional-dependencies"][extra][0] for extra in IMAGE_EXTRAS),
            ],
        ),
        ("requirements-build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_the_lock_holds_all_that_is_needed(lock: str, requirements: list[str]) -> None:
    renew = re.search(r"^#    (.*)$", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)
    assert renew
    assert needed(requirements, locked(lock)) == [], f"Renew {lock}: {renew[1]}"


def test_nothing_for_tests_or_for_installing_is_locked() -> None:
    assert locked("requirements.lock").keys() & {"pytest", "pip", "setuptools", "hatchling"} == set()


def test_the_build_installs_only_what_is_locked() -> None:
    installs = re.split("pip install ", BUILD)[1:]
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert all("--no-deps" in one for one in installs)


def test_base_image_is_an_exact_release_of_the_tested_python() -> None:
    found = re.search(
        r"^FROM docker\.io/library/python:3\.11\.\d+-slim-bookworm AS build$", BUILD, re.MULTILINE
    )
    assert found
    assert len(re.findall(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)) == 2


def test_signals_reach_picsync_itself() -> None:
    assert exec_form("ENTRYPOINT") == ["/usr/local/bin/picsync"]
    assert exec_form("CMD")[0] == "/usr/local/bin/python3.11", "that of the HEALTHCHECK"
    assert FINAL.rstrip().endswith('CMD ["sync", "/etc/picsync/picsync.yaml"]')


def test_the_image_is_ready_for_a_read_only_root() -> None:
    assert "USER 65532:65532" in FINAL
    assert exec_form("VOLUME") == ["/data"]
    settings = environment(FINAL)
    assert settings["PICSYNC_CACHE"].startswith("/data/")
    assert settings["TMPDIR"] == "/tmp"  # noqa: S108
    assert settings["PYTHONUNBUFFERED"] == settings["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_health_check_asks_where_picsync_listens() -> None:
    assert f"127.0.0.1{environment(FINAL)['PICSYNC_PROMETHEUS__LISTEN']}/" in DEFAULT_URL
    assert exec_form("CMD") == ["/usr/local/bin/python3.11", "-m", "picsync.healthcheck"]
    assert "--timeout=10s" in FINAL
    assert TIMEOUT_S < 10


def test_only_what_is_copied_reaches_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", BUILD, flags=re.MULTILINE)
    copied = {word for one in sources for word in one.split()}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_dockerfile_passes_hadolint() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    linted = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_compose_gives_the_container_no_more_than_it_needs() -> None:
    expected = {
        "restart": "unless-stopped",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
    assert {key: COMPOSE[key] for key in expected} == expected
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["ports"])
    writable = [volume["target"] for volume in COMPOSE["volumes"] if not volume.get("read_only")]
    assert writable == ["/data"]
    assert COMPOSE["pull_policy"] == "never", "nobody else's image is taken for this one"
    assert COMPOSE["logging"]["options"] == {"max-size": "5m", "max-file": "3"}


def test_compose_leaves_room_for_the_spool_and_time_to_finish() -> None:
    (tmpfs,) = COMPOSE["tmpfs"]
    size = re.match(r"/tmp:size=(\d+)m,", tmpfs)  # noqa: S108 - the container's own
    assert size
    assert int(size[1]) * 1024**2 > DEFAULT_BUDGET_BYTES
    assert COMPOSE["stop_grace_period"] == "30s"
    assert GRACE_S < 30


def test_a_tag_is_released_as_image_wheel_and_checksums() -> None:
    workflow = (ROOT / ".github" / "workflows" / "release.yaml").read_text("utf-8")
    jobs = read(ROOT / ".github" / "workflows" / "release.yaml")["jobs"]
    assert set(jobs) == {"check", "package", "image"}
    assert all(jobs[name]["needs"] == "check" for name in ("package", "image"))
    assert "platforms: linux/amd64,linux/arm64" in workflow
    assert "SHA256SUMS" in workflow
    shown = re.search(r"sed -n '(.*?)' pyproject.toml", workflow)
    assert shown
    found = subprocess.run(
        ["sed", "-n", shown[1], ROOT / "pyproject.toml"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == PROJECT["project"]["version"]


def test_the_commands_of_the_pages_name_this_version() -> None:
    own = PROJECT["project"]["version"]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("doc/*.md"), *ROOT.glob("*.yaml"), *ROOT.glob("k8s/*.yaml")]
    named = {
        page.name: set(re.findall(r"(?:picsync:|newTag: )(\d+\.\d+\.\d+)", page.read_text("utf-8")))
        for page in pages
    }
    named = {page: versions for page, versions in named.items() if versions}
    assert set(named) >= {"README.md", "container.md", "nas.md", "compose.yaml", "deployment.yaml"}
    assert {page: versions for page, versions in named.items() if versions != {own}} == {}


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    latest, *earlier = re.findall(r"^## (\S+)(?: \((.+)\))?$", changelog, re.MULTILINE)
    assert latest[0] == PROJECT["project"]["version"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in earlier), earlier


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "picsync.service"
    unit.write_text(UNIT.replace("/opt/picsync/bin/picsync", shutil.which("true") or "/bin/true"), "utf-8")
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    rating = (analyze, "security", "--offline=yes", "--threshold=20")
    rated = subprocess.run([*rating, unit], capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


def test_unit_gives_time_to_stop_and_does_not_restart_needlessly() -> None:
    assert "TimeoutStopSec=30s" in UNIT
    assert "RestartPreventExitStatus=2 3\n" in UNIT
    assert "ExecStart=/opt/picsync/bin/picsync sync /etc/picsync/picsync.yaml\n" in UNIT
