"""The files of a first set-up: their content, and how they are written."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from picsync.cli.sync import DEFAULT_CONFIG
from picsync.config.environment import in_container
from picsync.core.errors import ConfigError, Problem
from picsync.core.values import dataclass
from picsync.system.files import create_anew, reason, remedy
from picsync.system.localtime import zone_name

COMPOSE = "compose.yaml"
UNIT = "picsync.service"

IMAGE_USER = 65532
"""The image's own user; files created by root are given to it."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """The input of the files for running picsync."""

    folder: Path
    """Absolute path of the folder with picsync.yaml and the credentials file."""
    album: str
    photo_folders: tuple[str, ...] = ()
    """Folders of this machine that are sources."""

    @property
    def user(self) -> tuple[int, int]:
        """User and group that own the files, and that a container is to run as."""
        return (IMAGE_USER, IMAGE_USER) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def private_files(folder: Path) -> tuple[Path, Path]:
    """Return the paths of picsync.yaml and the credentials file in a folder."""
    from picsync.config.credentials import FILE_NAME

    return folder / DEFAULT_CONFIG, folder / FILE_NAME


def config_text(name: str, sources: Mapping[str, Sequence[object]], every: str) -> str:
    """Return picsync.yaml; text from outside is quoted as JSON, which is valid YAML."""
    lines = [
        "# Written by `picsync init`. doc/configuration.md describes every setting.",
        "albums:",
        f"- name: {_quoted(name)}",
        "  sources:",
    ]
    for kind, entries in sources.items():
        lines += [f"    {kind}:", *(f"    - {_quoted(entry)}" for entry in entries)]
    lines += [
        f"every: {every}",
        "# The status page and the metrics, for this machine only.",
        "prometheus:",
        '  listen: "127.0.0.1:1971"',
    ]
    return "\n".join(lines) + "\n"


def credentials_text(logins: Mapping[str, Mapping[str, str]]) -> str:
    """Return the credentials file: section -> field -> value."""
    lines = []
    for section, fields in logins.items():
        lines += [f"{section}:", *(f"  {name}: {_quoted(value)}" for name, value in fields.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def install(folder: Path, config: str, credentials: str) -> None:
    """Write both files, readable only by their owner; replaces nothing.

    The files are read back like `picsync sync` does before they get their names. Raises ConfigError; then
    neither file exists.
    """
    from picsync.run.settings import SettingsFiles

    paths = private_files(folder)
    temporary = [path.with_name(f"{path.name}.{secrets.token_hex(6)}") for path in paths]
    placed: list[Path] = []
    try:
        for path, text in zip(temporary, (config, credentials), strict=True):
            _write_private(path, text)
        SettingsFiles(temporary[0], os.environ, [temporary[1]]).load()
        for path, target in zip(temporary, paths, strict=True):
            _place(path, target)
            placed.append(target)
    except OSError as error:
        for target in placed:
            target.unlink(missing_ok=True)
        what = f"cannot be written: {reason(error)}. Nothing was set up."
        problem = Problem(str(folder), None, "", what)
        raise ConfigError([problem], hint=remedy(error, error.filename or folder)) from error
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(create_anew(path), "w", encoding="utf-8") as file:
        if os.geteuid() == 0 and in_container():
            os.fchown(file.fileno(), IMAGE_USER, IMAGE_USER)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _place(path: Path, target: Path) -> None:
    """Rename a file unless the name is taken."""
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise
        # File systems without hard links, such as that of a USB stick.
        handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.close(handle)
        path.replace(target)


def make_cache_folder(set_up: SetUp) -> None:
    """Create the folder for the container's cache; raises OSError."""
    cache = set_up.folder / "cache"
    with suppress(FileExistsError):
        cache.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(cache, *set_up.user)


def compose_file(set_up: SetUp) -> str:
    """Return a compose.yaml that runs picsync with the files next to it."""
    user, group = set_up.user
    folders = "".join(_folder_mount(folder) for folder in set_up.photo_folders)
    return f"""\
# picsync in a container, with the files of this folder. Start it with `docker compose up --detach`.
services:
  picsync:
    # Built in the folder of picsync's source: docker build --tag {_image()} .
    image: {_image()}
    pull_policy: never
    restart: unless-stopped
    # The owner of these files.
    user: "{user}:{group}"
    # Longer than the 25 seconds in which picsync finishes running transfers.
    stop_grace_period: 30s
    environment:
      TZ: {_quoted(zone_name())}
    volumes:
    # The whole folder, so that changed files are noticed while picsync runs.
    - {{type: bind, source: ., target: /etc/picsync, read_only: true}}
    - {{type: bind, source: ., target: /etc/picsync-credentials, read_only: true}}
    - {{type: bind, source: ./cache, target: /data}}
{folders}    # Status page and metrics, for this machine only; without the address, for the whole network.
    ports:
    - "127.0.0.1:1971:1971"
    # The pages of web frames, for the whole network.
    #- "8090:8090"
    read_only: true
    # Photos in transfer. Uses memory only while they are there.
    tmpfs:
    - /tmp:size=600m,mode=1777,noexec,nosuid,nodev
    mem_limit: 1g
    pids_limit: 128
    cap_drop:
    - ALL
    security_opt:
    - no-new-privileges:true
    logging:
      driver: json-file
      options:
        max-size: 5m
        max-file: "3"
"""


def _folder_mount(folder: str) -> str:
    # Compose treats `$` as the start of a variable.
    path = _quoted(os.path.expanduser(folder).replace("$", "$$"))  # noqa: PTH111 - as in the source itself
    return (
        f"    - {{type: bind, source: {path}, target: {path}, read_only: true,"
        " bind: {propagation: rslave, create_host_path: false}}\n"
    )


def _image() -> str:
    return f"picsync:{version('picsync')}"


def unit_file(set_up: SetUp) -> str:
    """Return a unit for systemd's user manager."""
    return f"""\
# picsync as a service of this user; for one of the whole machine see doc/systemd.md.
[Unit]
Description=Keeps photo frames in sync with photo albums
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={_unit_word(_command())} sync {_unit_word(str(set_up.folder / DEFAULT_CONFIG))}
WorkingDirectory={_unit_path(set_up.folder)}
Environment=MALLOC_ARENA_MAX=1
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=30s
# A restart does not fix a wrong configuration, or a login that the user has to renew.
RestartPreventExitStatus=2 3
TimeoutStopSec=30s
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
"""


def _command() -> str:
    return str(Path(sys.executable).with_name("picsync"))


def _unit_path(path: Path) -> str:
    return str(path).replace("%", "%%")


def _unit_word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def kubernetes_commands(set_up: SetUp) -> list[str]:
    """Return the commands that copy the files to a cluster and start picsync there."""
    config, credentials = (shlex.quote(str(path)) for path in private_files(set_up.folder))
    key = private_files(Path())[1].name
    return [
        "kubectl create namespace picsync",
        f"kubectl create configmap -n picsync picsync --from-file=picsync.yaml={config}",
        f"kubectl create secret -n picsync generic picsync-credentials --from-file={key}={credentials}",
        "kubectl apply -k k8s/",
    ]
