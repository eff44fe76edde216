"""picsync's own files, and errors of the operating system in words."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from picsync.system.files import create_anew, make_private, open_regular, remedy


def test_a_link_is_neither_followed_nor_created_through(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    link, dangling = tmp_path / "link", tmp_path / "dangling"
    link.symlink_to(kept)
    dangling.symlink_to(tmp_path / "elsewhere")
    for path in (link, dangling):
        with pytest.raises(OSError, match="symbolic link"):
            open_regular(path, os.O_RDWR | os.O_CREAT)
    os.close(create_anew(link))
    os.close(create_anew(dangling))
    assert kept.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    assert stat.S_IMODE(link.lstat().st_mode) == 0o600


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
def test_pipes_sockets_and_folders_are_refused_at_once(tmp_path: Path, flags: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket", "folder"):
            with pytest.raises(OSError, match=r"not a regular file|[Dd]irectory"):
                open_regular(tmp_path / name, flags)


def test_only_the_owner_may_read_what_is_private(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "folder" / "file"
    folder.mkdir()
    folder.chmod(0o755)
    file.write_text("")
    file.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    before = tmp_path.stat().st_mode
    for path in (folder, file, link, tmp_path / "missing"):
        make_private(path)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    assert tmp_path.stat().st_mode == before


def test_remedies_name_the_user_and_the_command(tmp_path: Path) -> None:
    missing = tmp_path / "a folder" / "file"
    denied = remedy(PermissionError(errno.EACCES, "Permission denied"), missing)
    assert denied == f"picsync runs as user {os.geteuid()}; run: chown {os.geteuid()} {tmp_path}"
    folder = remedy(IsADirectoryError(errno.EISDIR, "Is a directory"), missing)
    assert "Docker" in folder
    assert f"rmdir '{missing}'" in folder
    assert "`:ro`" in remedy(OSError(errno.EROFS, "Read-only file system"), missing)
    assert remedy(OSError(errno.E2BIG, "?"), missing) == ""
