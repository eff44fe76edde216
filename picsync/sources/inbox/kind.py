"""The kind `inbox`: spools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from picsync.config.kinds import Kind, Opening
from picsync.core.places import Reach
from picsync.sources.base import Source
from picsync.sources.inbox.options import InboxEntry


def _open(opening: Opening) -> Source:
    from picsync.sources.inbox.source import InboxSource
    from picsync.stores.kinds import STORES

    folders: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in opening.entries.values():
        for place in entry.folders:
            folders[place.account][place.path] = entry.quiet.total_seconds()
    stores = {}
    for account, its in folders.items():
        other = opening.other(account, its)
        stores[account] = STORES[other.account.kind].open(other)
    return InboxSource(opening.entries, stores, own_folder=opening.own_folder, sleep=opening.sleep)


def _places(_account: str, entry: InboxEntry) -> Sequence[Reach]:
    incoming, work, done = entry.folders
    return Reach(incoming, below=False), Reach(work, below=False), Reach(done)


INBOX: Kind[Source] = Kind(
    name="inbox",
    title="Inbox",
    summary="A spool, on this machine or in Dropbox: what is put into a folder goes to the frames, and then"
    " to another folder.",
    example="inbox:\n- {incoming: /spool/incoming, work: /spool/work, done: /spool/done, keep: 90d}",
    options=InboxEntry,
    open=_open,
    needs_entry="'{incoming: /spool/incoming, work: /spool/work, done: /spool/done}'",
    stored=True,
    places=_places,
)
