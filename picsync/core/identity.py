"""Which photo on a frame shows which media item, even if nothing but the frame is left to tell.

A rendition's digest can't be had from the source again, and encoders change. So the file name that is sent
carries a short key: of the item, of the original's content, of the recipe, and of the size. It tells what a
photo shows although the cache is lost. A photo without a key, of an earlier picsync, is known by its digest.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum
from operator import itemgetter

from picsync.core.model import Digest, FramePhoto, MediaItem, MediaKind
from picsync.core.recipe import Recipe
from picsync.core.values import dataclass

ORIGINAL_BYTES = "0000"
"""Stands for the recipe of a photo that was sent unchanged since nothing was to be changed."""
FITTING_BYTES = "1111"
"""Stands for the recipe of a photo that was sent unchanged since a recipe found nothing to change. Keys of
recipes have neither 0 nor 1."""
UNCHANGED = frozenset({ORIGINAL_BYTES, FITTING_BYTES})
MAX_STEM = 120
"""Characters of the original name that stay readable before the key."""
MAX_EXTENSION = 12
UNIT_BYTES = 1_000
"""Unit of the size in a key."""

_LENGTH = 10
"""Characters of an item's and of a content's key. With 50 bits, two of 20,000 photos have the same one in one
of five million albums; picsync then takes one for the other, and neither downloads nor deletes it."""
_SIZE_LENGTH = 5
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_HYPHENS = 4
"""The least number of them in a key."""
_KEY = re.compile(
    rf"[ _-]?(?<![0-9a-z])ps-(?P<item>[a-z2-7]{{{_LENGTH}}})-(?P<content>[a-z2-7]{{{_LENGTH}}})"
    rf"(?:-(?P<item2>[a-z2-7]{{{_LENGTH}}})-(?P<content2>[a-z2-7]{{{_LENGTH}}}))?"
    rf"-(?P<recipe>[a-z2-7]{{4}}|{ORIGINAL_BYTES}|{FITTING_BYTES})-(?P<size>[0-9a-v]{{{_SIZE_LENGTH}}})(?![0-9a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PhotoKey:
    """What a file name says of its photo."""

    item: str
    """Of the first item that it was made of."""
    content: str
    """Of the original's bytes: one photo from two sources is one photo."""
    recipe: str
    """Key of the recipe, ORIGINAL_BYTES or FITTING_BYTES."""
    size_bytes: int = 0
    """Size of the photo, rounded up to the next 1,000 bytes."""
    beside: tuple[str, str] | None = None
    """The keys of the item that a pair shows on the right, and of its content; None unless it is a pair."""

    @property
    def members(self) -> tuple[tuple[str, str], ...]:
        """The keys of each item that it shows, and of its content."""
        first = (self.item, self.content)
        return (first,) if self.beside is None else (first, self.beside)

    def __str__(self) -> str:
        keys = "-".join(key for member in self.members for key in member)
        return f"ps-{keys}-{self.recipe}-{_size(self.size_bytes)}"


def item_key(item: MediaItem) -> str:
    """Return the short key of a media item: of its account and bytes, or else of its ID and version."""
    return _short("\0".join((item.source, *item.bytes_key)))


def content_key(original: Digest) -> str:
    """Return the short key of an original's bytes."""
    return _short(str(original))


def keyed_name(filename: str, key: PhotoKey) -> str:
    """Return the name to send: the original name, as far as it is short, and the key.

    A key that the name has already, since it was taken from a frame, is replaced.
    """
    stem, dot, extension = plain_name(filename).rpartition(".")
    if not stem or len(extension) > MAX_EXTENSION:
        stem, dot, extension = plain_name(filename), "", ""
    return f"{stem[:MAX_STEM].rstrip()} {key}{dot}{extension}".lstrip()


def plain_name(filename: str) -> str:
    """Return the name without its key."""
    return _KEY.sub("", filename)


def key_in(filename: str) -> PhotoKey | None:
    """Return the key that a name carries, None for one that picsync has not sent."""
    # Most names have no key, and a pattern is slow to find that out.
    found = _KEY.search(filename) if filename.count("-") >= _HYPHENS else None
    if found is None:
        return None
    text = {name: value.lower() for name, value in found.groupdict().items() if value}
    beside = (text["item2"], text["content2"]) if "item2" in text else None
    size_bytes = int(text["size"], len(_DIGITS)) * UNIT_BYTES
    return PhotoKey(text["item"], text["content"], text["recipe"], size_bytes, beside)


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of an item: what shows it, and what is in it."""

    digest: Digest | None = None
    """Of the photo that shows it, or is to show it; None while that is unknown."""
    content: Digest | None = None
    """Of the original, if it is known."""
    outdated: bool = False
    """Whether the photo that shows it is to be replaced by what the recipe makes."""
    recognised: bool = False
    """Whether only the photo's name tells that the recipe made it of the item."""
    paired: bool = False
    """Whether the photo that shows it is a pair, and shows another item, too."""
    told: str = ""
    """The key of the original's content, as far as only the photo's name tells it."""


class Standing(IntEnum):
    """What a photo is by the wanted recipe; the least is preferred."""

    CURRENT = 0
    """It is what the recipe makes."""
    ACCEPTED = 1
    """It was sent without that recipe, and stays."""
    OUTDATED = 2


class Shown:
    """The photos of a frame album, found by what they show."""

    def __init__(
        self,
        photos: Sequence[FramePhoto],
        recipe: Recipe,
        *,
        replace: bool = False,
        right: Collection[Digest] = (),
    ) -> None:
        """Judge the photos by the recipe that is wanted now.

        A change from or to `original` alone makes no photo outdated; with `replace`, it does. `right` are
        those that are to stay for an item, and so for any other one with its content.
        """
        self.digests = {photo.digest for photo in photos}
        self.recipe = recipe
        self._key = recipe.key
        self._key_alone = recipe.alone.key
        self._photos = photos
        self._right = right
        self._accepted = Standing.OUTDATED if replace else Standing.ACCEPTED
        self._keys: dict[str, PhotoKey] | None = None
        self._by_key: dict[str, list[tuple[FramePhoto, PhotoKey]]] = defaultdict(list)

    def match(self, item: MediaItem, made: Digest | None, original: Digest | None) -> Match:
        """Return what shows an item.

        `made` is the digest of what the recipe makes of it, `original` that of its bytes, as far as they are
        known. No recipe changes a video.
        """
        if made is not None and made in self.digests:
            return Match(made, original)
        if not self._parsed():
            return self._by_bytes(item, original) or Match(made, original)
        # Whether an unchanged photo suits another recipe is known only once that has looked at it. If nothing
        # at all is remembered of it, the cache is lost, and nothing is to be downloaded for that.
        remembered = original is not None or made is not None
        found: list[tuple[tuple[bool, Standing, str], Match]] = []
        for photo, key in self._named(item, original):
            paired = key.beside is not None
            standing = self.judge_pair(key) if paired else self._judge(item, key, remembered)
            if photo.digest in self._right:
                standing = Standing.CURRENT
            content = original or (photo.digest if key.recipe in UNCHANGED else None)
            current, outdated = standing is Standing.CURRENT, standing is Standing.OUTDATED
            told = "" if content else next(iter(_told_of(item, key)), "")
            match = Match(photo.digest, content, outdated, current and not paired, paired, told)
            # Of equal ones, all items with this content have the same.
            found.append(((paired, standing, photo.digest.hex), match))
        unchanged = self._by_bytes(item, original)
        if unchanged is not None and all(match.digest != original for _, match in found):
            standing = self._accepted if self.converts(item) else Standing.CURRENT
            found.append(((False, standing, ""), unchanged))
        return min(found, key=itemgetter(0), default=(0, Match(made, original)))[1]

    def _by_bytes(self, item: MediaItem, original: Digest | None) -> Match | None:
        """Return the match of a photo that is the original itself; None if there is none."""
        if original is None or original not in self.digests:
            return None
        outdated = self._accepted is Standing.OUTDATED and self.converts(item)
        outdated = outdated and original not in self._right
        return Match(original, original, outdated)

    def pairs(self) -> list[tuple[FramePhoto, PhotoKey]]:
        """Return the photos that show two items, those by the wanted recipe first."""
        by_id = self._parsed()
        found = [(photo, by_id[photo.photo_id]) for photo in self._photos if photo.photo_id in by_id]
        pairs = [(photo, key) for photo, key in found if key.beside is not None]
        return sorted(pairs, key=lambda pair: self.judge_pair(pair[1]))

    def judge_pair(self, key: PhotoKey) -> Standing:
        """Return what a pair is by the wanted recipe."""
        if not self.recipe.convert:
            return self._accepted
        return Standing.CURRENT if key.recipe == self._key and self.recipe.pair else Standing.OUTDATED

    def staying(self) -> set[Digest]:
        """Return the digests of the photos that were sent without any recipe, and are not to be replaced."""
        if self._accepted is not Standing.ACCEPTED:
            return set()
        keys = self._parsed()
        return {
            photo.digest
            for photo in self._photos
            if (key := keys.get(photo.photo_id)) is None or key.recipe == ORIGINAL_BYTES
        }

    def converts(self, item: MediaItem) -> bool:
        """Whether the recipe concerns the item; none changes a video."""
        return self.recipe.convert and item.kind is MediaKind.PHOTO

    def _judge(self, item: MediaItem, key: PhotoKey, remembered: bool) -> Standing:
        if not self.converts(item):
            unchanged = key.recipe in UNCHANGED or item.kind is MediaKind.VIDEO
            return Standing.CURRENT if unchanged else self._accepted
        if key.recipe == self._key_alone:
            return Standing.CURRENT
        if key.recipe == ORIGINAL_BYTES:
            return self._accepted
        return Standing.CURRENT if key.recipe == FITTING_BYTES and not remembered else Standing.OUTDATED

    def _named(self, item: MediaItem, original: Digest | None) -> Sequence[tuple[FramePhoto, PhotoKey]]:
        """Return the photos whose names say that they show the item, or another one with its content."""
        found = self._by_token(item_key(item))
        if original is not None:
            return (*found, *self._by_token(content_key(original)))
        told = {content for _, key in found for content in _told_of(item, key)}
        return (*found, *(each for content in sorted(told) for each in self._by_token(content)))

    def _by_token(self, token: str) -> Sequence[tuple[FramePhoto, PhotoKey]]:
        self._parsed()
        return self._by_key.get(token, ())

    def _parsed(self) -> Mapping[str, PhotoKey]:
        """Return the keys by the IDs of their photos; they are read when something asks for them."""
        if self._keys is None:
            self._keys = {}
            for photo in self._photos:
                if (key := _trusted(photo)) is not None:
                    self._keys[photo.photo_id] = key
                    for token in {token for member in key.members for token in member}:
                        self._by_key[token].append((photo, key))
        return self._keys


def identities(item: MediaItem, content: Digest | None, photo: FramePhoto | None = None) -> set[str]:
    """Return the short keys of a media item: its own, and its content's as far as that is known.

    The name of a `photo` that shows it may tell the content, too.
    """
    keys = {item_key(item)} | ({content_key(content)} if content else set())
    if photo is None:
        return keys
    # A pair's name tells the content of both, so that each member is compared by itself.
    told = [member for member in shown_by(photo) if len(shown_by(photo)) == 1 or not keys.isdisjoint(member)]
    return keys.union(*told)


def shown_by(photo: FramePhoto) -> tuple[tuple[str, ...], ...]:
    """Return the short keys of each thing that a photo shows: of an item and its content, or of its bytes."""
    key = _trusted(photo)
    return ((content_key(photo.digest),),) if key is None else key.members


def _told_of(item: MediaItem, key: PhotoKey) -> Sequence[str]:
    """Return the keys of the content that an item had when the photo with this key was made."""
    mine = item_key(item)
    return [content for each, content in key.members if each == mine]


def _trusted(photo: FramePhoto) -> PhotoKey | None:
    """Return the key of a photo, unless its bytes are others than the key says."""
    key = key_in(photo.filename)
    if key is None or (key.recipe in UNCHANGED and key.content != content_key(photo.digest)):
        return None
    return key


def _short(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest).decode().lower()[:_LENGTH]


def _size(size_bytes: int) -> str:
    """Return a size in units, rounded up, in base 32; the largest that fits for a larger one."""
    units = min(-(-size_bytes // UNIT_BYTES), len(_DIGITS) ** _SIZE_LENGTH - 1)
    text = ""
    for _ in range(_SIZE_LENGTH):
        units, digit = divmod(units, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
