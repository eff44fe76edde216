"""Says why a folder of Dropbox cannot be listed."""

from __future__ import annotations

from picsync.core.errors import NotFoundError, PicsyncError, RefusedError
from picsync.vendors.dropbox.api import DropboxApi, Link
from picsync.vendors.dropbox.refusals import DropboxError


def no_folder(path: str, tags: tuple[str, ...]) -> PicsyncError | None:
    """Return the error for a folder of the account that cannot be listed; None for other refusals."""
    match tags[-1:]:
        case ("not_folder",):
            return RefusedError(
                f"{path} in Dropbox is a file, not a folder.",
                status=409,
                hint="Name the folder that it is in.",
            )
        case ("not_found",):
            return NotFoundError(
                f"There is no folder {path or '/'} that this login to Dropbox can see.",
                status=409,
                hint="`picsync dropbox list` shows the folders. An app with access to its own folder (App"
                " folder) sees nothing else: write paths as it shows them, or use an app with full access.",
            )
    return None


async def link_problem(api: DropboxApi, link: Link, section: str) -> PicsyncError | None:
    """Return what is wrong with a shared link, if anything; `section` is that of the credentials file.

    A listing does not tell: a dead link looks like a missing subfolder.
    """
    try:
        shown = await api.open_link(link)
    except DropboxError as refused:
        if refused.has("shared_link_access_denied"):
            return RefusedError(
                "The shared link requires a password, or a login.",
                status=409,
                hint=f"If it has a password, write it to `{section}.link_password` in the credentials file.",
            )
        return NotFoundError(
            "The shared link no longer leads anywhere: it was revoked or has expired.",
            status=409,
            hint="Ask its owner for a new one.",
        )
    if shown.tag != "folder":
        return RefusedError(
            "The shared link is of a file, not of a folder.", status=409, hint="Share the folder instead."
        )
    return None
