"""What a manifest means beside a complete listing of its folder; pure functions.

`there` is what the listing has, by folded name. A file that somebody has edited is not picsync's any more.

picsync itself deletes and renames files, too. Before it does so, the manifest no longer says that they were
seen, so that a crash in between never looks like the request of a viewer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from picsync.core.model import Digest
from picsync.core.places import fold
from picsync.core.rejected import NOTHING_REJECTED, Rejected
from picsync.core.values import dataclass
from picsync.frames.dropbox.manifest import Manifest, Own, RejectedOwn
from picsync.frames.folder.missing import SETTLE_S, judge
from picsync.frames.folder.order import Place
from picsync.stores.base import Entry


@dataclass(frozen=True, slots=True)
class Judged:
    """What the viewers do not want, and the manifest that says so."""

    manifest: Manifest
    rejected: Rejected = NOTHING_REJECTED
    due: bool = False
    """Whether the manifest should be written; entries of no use alone are no reason."""


def is_own(entry: Entry, own: Own) -> bool:
    """Whether a file has the content that was written."""
    return not entry.content_hash or entry.content_hash == own.content_hash


def own_files(manifest: Manifest, there: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return picsync's files that exist as they were written, by the names in the manifest."""
    return {
        name: entry
        for name, own in manifest.files.items()
        if (entry := there.get(fold(name))) is not None and is_own(entry, own)
    }


def up_to_date(manifest: Manifest, there: Mapping[str, Entry]) -> Manifest:
    """Return the manifest with what the listing tells: which files were seen, and which never came to be."""
    whole = own_files(manifest, there)
    files = {}
    for name, own in manifest.files.items():
        if name in whole:
            size_bytes = whole[name].size_bytes
            if not own.seen or own.missing_since is not None or own.size_bytes != size_bytes:
                own = replace(own, seen=True, missing_since=None, size_bytes=size_bytes)
        elif fold(name) not in there and not own.seen:
            continue
        files[name] = own
    return replace(manifest, files=files)


def judged(manifest: Manifest, there: Mapping[str, Entry], now: datetime) -> Judged:
    """Return what the missing files mean (`missing.judge`).

    A listing does not say when files vanished. So their absence is noted, and it is decided once that of each
    of them was noted some time ago.
    """
    known = up_to_date(manifest, there)
    present = {name for name in known.files if fold(name) in there}
    shown = {known.files[name].digest for name in own_files(known, there)}
    verdict = judge(known.files, present, shown, known.rejected)
    missing = (*verdict.rejected, *verdict.lost)
    since = {name: known.files[name].missing_since or now for name in missing}
    settled = all(abs((now - at).total_seconds()) > SETTLE_S for at in since.values())
    back = {
        one.name: replace(one.own, seen=True, missing_since=None)
        for one in known.rejected.values()
        if one.name not in known.files
        and (entry := there.get(fold(one.name))) is not None
        and is_own(entry, one.own)
    }
    digests = {own.digest for own in back.values()}
    rejected = {digest: one for digest, one in known.rejected.items() if digest not in digests}
    stay = tuple(one.rejection() for one in rejected.values())
    unwanted = {known.files[name].digest: name for name in reversed(verdict.rejected)}
    new = {
        digest: RejectedOwn(name, replace(known.files[name], missing_since=None), now)
        for digest, name in reversed(unwanted.items())
    }
    files = {name: own for name, own in known.files.items() if name not in verdict.never} | back
    if settled:
        rejected |= new
        files = {name: own for name, own in files.items() if name not in since}
    else:
        files |= {name: replace(files[name], missing_since=at) for name, at in since.items()}
    found = tuple(one.rejection() for one in new.values())
    after = replace(known, files=files, rejected=rejected)
    useful = {name: own for name, own in manifest.files.items() if own.seen or fold(name) in there}
    return Judged(
        after,
        Rejected((*stay, *found), found if settled else (), len(verdict.lost), verdict.existed),
        (files, rejected) != (useful, manifest.rejected),
    )


def leaving(manifest: Manifest, names: Collection[str]) -> Manifest:
    """Return the manifest before picsync deletes files: their absence is no request."""
    files = {name: replace(own, seen=False) if name in names else own for name, own in manifest.files.items()}
    return replace(manifest, files=files)


def renaming(manifest: Manifest, moves: Collection[Place], album: str, order: tuple[Digest, ...]) -> Manifest:
    """Return the manifest with the new names of files besides the old ones, and with an order.

    Whichever name a file has after a crash, the absence of the other one is no request.
    """
    manifest = leaving(manifest, {move.old for move in moves})
    new = {move.new: manifest.files[move.old] for move in moves if move.old in manifest.files}
    orders = {name: each for name, each in {**manifest.orders, album: order}.items() if each}
    return replace(manifest, files={**manifest.files, **new}, orders=orders)


def rejecting(manifest: Manifest, name: str, now: datetime) -> Manifest:
    """Return the manifest with a photo rejected that has a file."""
    own = manifest.files.get(name)
    if own is None or own.digest in manifest.rejected:
        return manifest
    return replace(manifest, rejected={**manifest.rejected, own.digest: RejectedOwn(name, own, now)})


def restoring(manifest: Manifest, there: Mapping[str, Entry], digests: Collection[Digest]) -> Manifest:
    """Return the manifest without rejections, and without those that are not decided yet."""
    files = {
        name: own for name, own in manifest.files.items() if own.digest not in digests or fold(name) in there
    }
    rejected = {digest: one for digest, one in manifest.rejected.items() if digest not in digests}
    return replace(manifest, files=files, rejected=rejected)
