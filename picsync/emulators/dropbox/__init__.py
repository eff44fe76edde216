"""An emulated Dropbox: users with files, apps, and the API v2 for both.

Emulated are the login (PKCE, refresh, revocation, scopes), listings with cursors and the long poll, metadata,
downloads, thumbnails, uploads and upload sessions, folders, moves, copies and deletions with their batches,
shared links, account information, and calls to webhooks. Not emulated: teams, shared folders, Paper, file
requests, properties, search, and languages other than English.
"""

from picsync.emulators.dropbox.account import ALL_SCOPES, App, Grant, User
from picsync.emulators.dropbox.calls import API, CONTENT, NOTIFY
from picsync.emulators.dropbox.contenthash import content_hash
from picsync.emulators.dropbox.options import Contention, DropboxOptions, Refusal429
from picsync.emulators.dropbox.service import Dropbox
from picsync.emulators.dropbox.sharing import PAGE_HOST, SharedLink
from picsync.emulators.dropbox.tree import Entry, File, Folder
from picsync.emulators.dropbox.webhooks import WebhookRefused, Webhooks

__all__ = [
    "ALL_SCOPES",
    "API",
    "CONTENT",
    "NOTIFY",
    "PAGE_HOST",
    "App",
    "Contention",
    "Dropbox",
    "DropboxOptions",
    "Entry",
    "File",
    "Folder",
    "Grant",
    "Refusal429",
    "SharedLink",
    "User",
    "WebhookRefused",
    "Webhooks",
    "content_hash",
]
