"""Checks the login and the folders, for `picsync doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from picsync.core.errors import LoginNeeded, PicsyncError, ProtocolError
from picsync.core.model import Finding, Mark
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.dropbox.problems import link_problem, no_folder
from picsync.vendors.dropbox.api import DropboxApi, Link
from picsync.vendors.dropbox.credentials import TITLE
from picsync.vendors.dropbox.refusals import DropboxError


async def examined(
    api: DropboxApi,
    entries: Mapping[str, tuple[DropboxEntry, Link | None]],
    *,
    by_user: bool,
    section: str,
) -> Sequence[Finding]:
    """Return the findings; raises LoginNeeded, TransientError and ProtocolError."""
    findings = []
    if by_user:
        await api.check_login()
        findings.append(Finding(Mark.OK, TITLE, "the login is accepted."))
    for album_id, (entry, link) in entries.items():
        try:
            await _look(api, entry, link, section)
        except LoginNeeded:
            raise
        except PicsyncError as error:
            if error.transient:
                raise
            findings.append(Finding(Mark.PROBLEM, album_id, error.message, error.hint))
        else:
            changes = (
                "changes are noticed immediately." if link is None else "changes are noticed by `every`."
            )
            findings.append(Finding(Mark.OK, album_id, f"the folder is there; {changes}"))
    return findings


async def _look(api: DropboxApi, entry: DropboxEntry, link: Link | None, section: str) -> None:
    """Raise unless the folder is there."""
    if link is not None:
        problem = await link_problem(api, link, section)
        if problem is not None:
            raise problem
    elif entry.root:
        try:
            found = await api.look_at(entry.root)
        except DropboxError as error:
            raise no_folder(entry.root, error.tags) or error from error
        if found.tag != "folder":
            raise no_folder(entry.root, ("not_folder",)) or ProtocolError(f"{entry.root} is no folder.")
