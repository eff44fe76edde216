"""Search conditions: the flat form of all versions, and the filter form since 3.2."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from picsync.emulators.immich.errors import invalid
from picsync.emulators.immich.library import Asset, Library
from picsync.emulators.immich.options import ImmichOptions

Predicate = Callable[[Asset], bool]
Path = tuple[str | int, ...]

TYPES = ("IMAGE", "VIDEO", "AUDIO", "OTHER")
VISIBILITIES = ("timeline", "archive", "hidden", "locked")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ID_LISTS = {"albumIds": "album", "personIds": "person", "tagIds": "tag"}
_OPTIONS = ("withExif", "withPeople", "withStacked", "withDeleted")
_MOMENTS = {
    "taken": "taken_at",
    "updated": "updated_at",
    "created": "created_at",
    "trashed": "trashed_at",
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_PATTERNS = frozenset({"originalFileName", "originalPath", "description"})
_EXIF = ("country", "state", "city", "make", "model", "lensModel")
_NULLABLE = frozenset(
    {"rating", "trashedAt", "libraryId", "description", "originalFileName", "originalPath", *_EXIF}
)
_FLAT_NULLABLE = frozenset({"rating", *_EXIF})
_FLAT = frozenset(
    {*_ID_LISTS, *_OPTIONS, "type", "visibility", "rating", "checksum", "originalFileName"}
    | {"isFavorite", "isOffline", "isMotion", "isEncoded", "isNotInAlbum", "id", "libraryId", *_EXIF}
    | {"description", "originalPath"}
    | {"order", "size", "page"}
    | {f"{what}{when}" for what in _MOMENTS for when in ("After", "Before")}
)


class Compiler:
    """Compiles the fields of a body to predicates for assets."""

    def __init__(self, library: Library, options: ImmichOptions) -> None:
        self._library = library
        self._options = options

    def flat(self, body: Mapping[str, Any]) -> Predicate:
        """Compile the flat form; raises ImmichError for an invalid body."""
        self._refuse_unknown(body)
        parts = [
            self._holds(kind, ids(body[name], (name,)), all)
            for name, kind in _ID_LISTS.items()
            if body.get(name) is not None
        ]
        parts += self._without(body)
        for name, (attribute, read) in _SCALARS.items():
            if name in _PATTERNS and body.get(name) is not None:
                parts.append(_matches(attribute, "like", read(body[name], (name,)).lower()))
            elif name != "visibility" and body.get(name) is not None:
                parts.append(_equals(attribute, read(self._coerced(body[name]), (name,))))
            elif name in body and name in _FLAT_NULLABLE:
                parts.append(_equals(attribute, None))
        parts += self._moments(body)
        parts.append(self._flat_visibility(body))
        # A search for offline assets finds them in the trash.
        if not body.get("withDeleted") and not body.get("isOffline") and "trashedAfter" not in body:
            parts.append(_present)
        return _all(parts)

    def _refuse_unknown(self, body: Mapping[str, Any]) -> None:
        if self._options.strict:
            for name in body:
                if name not in _FLAT and not self._options.is_future(self._options.future.UNFILTERED):
                    raise invalid([name], "Unrecognized key", "unrecognized_keys")

    def _without(self, body: Mapping[str, Any]) -> Iterable[Predicate]:
        """Return the conditions for the absence of something: no tag, no album."""
        if "tagIds" in body and body["tagIds"] is None:
            yield lambda asset: not asset.tags
        if body.get("isNotInAlbum") and not body.get("albumIds"):
            yield _not(self._is_in_an_album)

    def _coerced(self, value: object) -> object:
        """Return the value as parsed: before 3.0 `"true"` is true."""
        return {"true": True, "false": False}.get(str(value), value) if not self._options.strict else value

    def _flat_visibility(self, body: Mapping[str, Any]) -> Predicate:
        if "visibility" in body:
            return _equals("visibility", choice(body["visibility"], VISIBILITIES, ("visibility",)))
        if self._options.strict:
            return lambda asset: asset.visibility in ("timeline", "archive", "hidden")
        return _equals("visibility", "timeline")

    def _moments(self, body: Mapping[str, Any]) -> Iterable[Predicate]:
        for what, attribute in _MOMENTS.items():
            for when, fits in (("After", operator.ge), ("Before", operator.le)):
                name = f"{what}{when}"
                if name in body:
                    yield _compares(attribute, fits, moment(body[name], (name,)))

    def filter(self, value: object, path: Path = ("filter",)) -> Predicate:
        """Compile the filter form; raises ImmichError for an invalid body.

        Unlike the flat form, it excludes only locked assets by default: what is in the trash is found, too.
        """
        parts: list[Predicate] = []
        for name, condition in _object(value, path).items():
            here = (*path, name)
            if name == "or":
                if not isinstance(condition, list) or path != ("filter",):
                    raise invalid(here, "Invalid input")
                parts.append(_any([self.filter(each, (*here, at)) for at, each in enumerate(condition)]))
            elif name in _HOLDERS:
                wanted = boolean(_object(condition, here).get("eq"), (*here, "eq"))
                holds = self._is_in_an_album if name == "hasAlbums" else _HOLDERS[name]
                parts.append(holds if wanted else _not(holds))
            elif name in _ID_LISTS:
                parts += self._lists(_ID_LISTS[name], _object(condition, here), here)
            else:
                parts += self._scalars(name, _object(condition, here), here)
        if path == ("filter",) and "visibility" not in _object(value, path):
            parts.append(_not(_equals("visibility", "locked")))
        return _all(parts)

    def _lists(self, kind: str, condition: Mapping[str, Any], path: Path) -> Iterable[Predicate]:
        for how, value in condition.items():
            here = (*path, how)
            wanted = ids(value, here)
            match how:
                case "any":
                    yield self._holds(kind, wanted, any)
                case "all":
                    yield self._holds(kind, wanted, all)
                case "none":
                    yield _not(self._holds(kind, wanted, any))
                case _:
                    raise invalid(here, "Unrecognized key", "unrecognized_keys")

    def _scalars(self, name: str, condition: Mapping[str, Any], path: Path) -> Iterable[Predicate]:
        if name not in _SCALARS:
            raise invalid(path, "Unrecognized key", "unrecognized_keys")
        attribute, read = _SCALARS[name]
        for how, value in condition.items():
            here = (*path, how)
            match how:
                case "eq" | "ne":
                    nothing = value is None and name in _NULLABLE
                    same = _equals(attribute, None if nothing else read(value, here))
                    yield same if how == "eq" else _not(same)
                case "in" | "notIn" if isinstance(value, list):
                    wanted = [read(each, (*here, at)) for at, each in enumerate(value)]
                    among = _any([_equals(attribute, each) for each in wanted])
                    yield among if how == "in" else _not(among)
                case "gt" | "gte" | "lt" | "lte" if read in (integer, moment):
                    yield _compares(attribute, _COMPARISONS[how], read(value, here))
                case "like" | "notLike" | "startsWith" | "endsWith" if name in _PATTERNS:
                    yield _matches(attribute, how, text(value, here).lower())
                case _:
                    raise invalid(here, "Unrecognized key", "unrecognized_keys")

    def _is_in_an_album(self, asset: Asset) -> bool:
        return any(asset in album.assets for album in self._library.albums.values())

    def _holds(self, kind: str, wanted: list[str], combine: Callable[[Iterable[bool]], bool]) -> Predicate:
        if kind == "person":
            return lambda asset: combine(each in asset.people for each in wanted)
        if kind == "tag":
            # A tag also matches assets with one of its child tags.
            families = [self._family(tag_id) for tag_id in wanted]
            return lambda asset: combine(bool(family & asset.tags) for family in families)
        # Naming an album without access is refused before anything is searched.
        holders = [self._library.albums[each] for each in wanted if each in self._library.albums]
        members = [{asset.asset_id for asset in album.assets} for album in holders]
        return lambda asset: combine(asset.asset_id in each for each in members)

    def _family(self, tag_id: str) -> set[str]:
        tag = self._library.tags.get(tag_id)
        if tag is None:
            return set()
        below = [other for other in self._library.tags.values() if other.value.startswith(f"{tag.value}/")]
        return {tag_id, *(other.tag_id for other in below)}


def album_ids(body: Mapping[str, Any]) -> list[str]:
    """Return the albums that a body of either form names."""
    found = list(body.get("albumIds") or [])
    condition = body.get("filter")
    if isinstance(condition, Mapping) and isinstance(condition.get("albumIds"), Mapping):
        found += [each for how in ("any", "all") for each in condition["albumIds"].get(how) or []]
    return found


def ids(value: object, path: Path) -> list[str]:
    """Return a list of UUIDs; raises ImmichError for anything else."""
    if not isinstance(value, list):
        raise invalid(path, "Invalid input: expected array")
    for at, each in enumerate(value):
        if not isinstance(each, str) or not _UUID.fullmatch(each):
            raise invalid((*path, at), "Invalid UUID", "invalid_format")
    return value


def choice(value: object, known: tuple[str, ...], path: Path) -> str:
    """Return one of the known values; raises ImmichError for anything else."""
    if value not in known:
        raise invalid(path, f"Invalid option: expected one of {'|'.join(known)}", "invalid_value")
    return str(value)


def boolean(value: object, path: Path) -> bool:
    """Return true or false; raises ImmichError for anything else."""
    if not isinstance(value, bool):
        raise invalid(path, "Invalid input: expected boolean")
    return value


def integer(value: object, path: Path) -> int:
    """Return an integer; raises ImmichError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(path, "Invalid input: expected number")
    return value


def text(value: object, path: Path) -> str:
    """Return a text; raises ImmichError for anything else."""
    if not isinstance(value, str):
        raise invalid(path, "Invalid input: expected string")
    return value


def moment(value: object, path: Path) -> float:
    """Return seconds since the epoch; raises ImmichError for a time without a zone."""
    try:
        at = datetime.fromisoformat(text(value, path))
    except ValueError:
        raise invalid(path, "Invalid ISO datetime", "invalid_format") from None
    if at.tzinfo is None:
        raise invalid(path, "Invalid ISO datetime: a time zone is required", "invalid_format")
    return at.timestamp()


def _object(value: object, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(path, "Invalid input: expected object")
    return value


def _equals(attribute: str, wanted: object) -> Predicate:
    return lambda asset: bool(getattr(asset, attribute) == wanted)


def _compares(attribute: str, fits: Callable[[Any, Any], bool], bound: float) -> Predicate:
    return lambda asset: (value := getattr(asset, attribute)) is not None and fits(value, bound)


def _matches(attribute: str, how: str, part: str) -> Predicate:
    """Return a comparison of texts that ignores case."""

    def fits(asset: Asset) -> bool:
        value = str(getattr(asset, attribute)).lower()
        match how:
            case "startsWith":
                return value.startswith(part)
            case "endsWith":
                return value.endswith(part)
        return (part in value) == (how == "like")

    return fits


def _present(asset: Asset) -> bool:
    return not asset.trashed


def _not(fits: Predicate) -> Predicate:
    return lambda asset: not fits(asset)


def _any(parts: list[Predicate]) -> Predicate:
    return lambda asset: any(fits(asset) for fits in parts)


def _all(parts: list[Predicate]) -> Predicate:
    return lambda asset: all(fits(asset) for fits in parts)


_SCALARS: Mapping[str, tuple[str, Callable[[object, Path], Any]]] = {
    "type": ("type", lambda value, at: choice(value, TYPES, at)),
    "visibility": ("visibility", lambda value, at: choice(value, VISIBILITIES, at)),
    "isFavorite": ("favorite", boolean),
    "isOffline": ("offline", boolean),
    "isMotion": ("is_motion", boolean),
    "isEncoded": ("is_encoded", boolean),
    "country": ("country", text),
    "state": ("state", text),
    "city": ("city", text),
    "make": ("make", text),
    "model": ("model", text),
    "lensModel": ("lens_model", text),
    "rating": ("rating", integer),
    "checksum": ("checksum", text),
    "originalFileName": ("filename", text),
    "originalPath": ("path", text),
    "description": ("description", text),
    "id": ("asset_id", text),
    "libraryId": ("library_id", text),
    "fileSizeInBytes": ("size_bytes", integer),
    "takenAt": ("taken_at", moment),
    "createdAt": ("created_at", moment),
    "trashedAt": ("trashed_at", moment),
    "updatedAt": ("updated_at", moment),
}
"""Field of a body -> attribute of an asset, and a function that parses the value."""

_HOLDERS: Mapping[str, Predicate] = {
    "hasAlbums": lambda _: True,
    "hasPeople": lambda asset: bool(asset.people),
    "hasTags": lambda asset: bool(asset.tags),
}
"""Fields that a filter supports only with `eq`; albums contain their assets themselves."""
