"""The kinds of sources that may be used under `sources:` in picsync.yaml.

A new kind needs its own package, and one entry here.
"""

from __future__ import annotations

from picsync.config.kinds import Kind
from picsync.sources.base import Source
from picsync.sources.dropbox.kind import DROPBOX
from picsync.sources.folder.kind import FOLDER
from picsync.sources.google.library.kind import GOOGLEPHOTOS
from picsync.sources.google.links.kind import SHAREDLINKS
from picsync.sources.google.picked.kind import PICKED
from picsync.sources.immich.kind import IMMICH
from picsync.sources.inbox.kind import INBOX
from picsync.sources.uploads.kind import UPLOADS

SOURCES: dict[str, Kind[Source]] = {
    kind.name: kind for kind in (SHAREDLINKS, GOOGLEPHOTOS, IMMICH, DROPBOX, PICKED, FOLDER, INBOX, UPLOADS)
}
"""By name, in the order of the documentation."""
