"""Information about the server and the calling user: version, features, disk and users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web

from picsync.emulators.immich.access import Calls
from picsync.emulators.immich.errors import ImmichError, json_answer
from picsync.emulators.immich.library import Asset, User
from picsync.emulators.immich.options import V3_2
from picsync.emulators.immich.resources import instant, user_json
from picsync.emulators.service import Handler

_DISK_BYTES = 1 << 40
_TRASH_DAYS = 30
_RELEASES = "https://github.com/immich-app/immich/releases/tag"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_IMAGES = [
    f".{ending}"
    for ending in [
        "arw",
        "avif",
        "bmp",
        "cr2",
        "cr3",
        "dng",
        "gif",
        "heic",
        "heif",
        "jpe",
        "jpeg",
        "jpg",
        "jxl",
        "nef",
        "orf",
        "png",
        "raf",
        "rw2",
        "srw",
        "tif",
        "tiff",
        "webp",
    ]
]
_VIDEOS = [
    f".{ending}"
    for ending in ["3gp", "avi", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "webm", "wmv"]
]
_SINCE_3 = {"realtimeTranscoding": False}
_FEATURES = {
    "configFile": False,
    "duplicateDetection": False,
    "email": False,
    "facialRecognition": True,
    "importFaces": False,
    "map": True,
    "oauth": False,
    "oauthAutoLaunch": False,
    "ocr": False,
    "passwordLogin": True,
    "reverseGeocoding": True,
    "search": True,
    "sidecar": True,
    # Smart search is not emulated.
    "smartSearch": False,
    "trash": True,
}


class About(Calls):
    """The calls below `/server` and `/users`."""

    def calls(self) -> Sequence[tuple[str, str, Handler]]:
        """Return verb, path below `/api` and handler of each."""
        return (
            ("GET", "/server/ping", self._ping),
            ("GET", "/server/version", self._version),
            ("GET", "/server/version-check", self._version_check),
            ("GET", "/server/about", self._about),
            ("GET", "/server/config", self._config),
            ("GET", "/server/features", self._features),
            ("GET", "/server/media-types", self._media_types),
            ("GET", "/server/storage", self._storage),
            ("GET", "/server/statistics", self._statistics),
            ("GET", "/users/me", self._me),
        )

    async def _ping(self, _request: web.Request) -> web.StreamResponse:
        return json_answer({"res": "pong"})

    async def _version(self, _request: web.Request) -> web.StreamResponse:
        major, minor, patch = self._options.version
        body: dict[str, Any] = {"major": major, "minor": minor, "patch": patch}
        if self._options.strict:
            body["prerelease"] = self._options.prerelease
        return json_answer(body)

    async def _version_check(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "server.versionCheck")
        return json_answer({"checkedAt": instant(self._options.now()), "releaseVersion": self._release()})

    def _release(self) -> str:
        return "v" + ".".join(map(str, self._options.version))

    async def _about(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "server.about")
        url = f"{_RELEASES}/{self._release()}"
        return json_answer({"version": self._release(), "versionUrl": url, "licensed": False})

    async def _config(self, _request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = {
            "externalDomain": "",
            "isInitialized": True,
            "isOnboarded": True,
            "loginPageMessage": "",
            "maintenanceMode": False,
            "mapDarkStyleUrl": "https://tiles.immich.cloud/v1/style/dark.json",
            "mapLightStyleUrl": "https://tiles.immich.cloud/v1/style/light.json",
            "oauthButtonText": "Login with OAuth",
            "publicUsers": True,
            "trashDays": _TRASH_DAYS,
            "userDeleteDelay": 7,
        }
        return json_answer(body | ({"minFaces": 3} if self._options.strict else {}))

    async def _features(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(_FEATURES | (_SINCE_3 if self._options.strict else {}))

    async def _media_types(self, _request: web.Request) -> web.StreamResponse:
        return json_answer({"image": _IMAGES, "video": _VIDEOS, "sidecar": [".xmp"]})

    async def _storage(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "server.storage")
        used = sum(asset.size_bytes for asset in self._library.assets.values())
        sizes = {"diskSize": _DISK_BYTES, "diskUse": used, "diskAvailable": max(0, _DISK_BYTES - used)}
        percentage = round(used / _DISK_BYTES * 100, 2)
        return json_answer(
            {name: _human(size) for name, size in sizes.items()}
            | {f"{name}Raw": size for name, size in sizes.items()}
            | {"diskUsagePercentage": percentage}
        )

    async def _statistics(self, request: web.Request) -> web.StreamResponse:
        if self._access.visitor(request, "server.statistics").user is not self._library.users[0]:
            raise ImmichError(403, "Forbidden")
        users = [
            {"userId": user.user_id, "userName": user.name, "quotaSizeInBytes": None}
            | _usage(asset for asset in self._library.assets.values() if asset.owner == user)
            for user in self._library.users
        ]
        return json_answer(_usage(self._library.assets.values()) | {"usageByUser": users})

    async def _me(self, request: web.Request) -> web.StreamResponse:
        return json_answer(self._my_account(self._access.visitor(request, "user.read").user))

    def _my_account(self, user: User) -> dict[str, Any]:
        made = instant(user.created_at)
        own = (asset for asset in self._library.assets.values() if asset.owner == user)
        body = user_json(user) | {
            "createdAt": made,
            "updatedAt": made,
            "deletedAt": None,
            # The first user is the administrator.
            "isAdmin": user is self._library.users[0],
            "license": None,
            "oauthId": "",
            "quotaSizeInBytes": None,
            "quotaUsageInBytes": sum(asset.size_bytes for asset in own),
            "shouldChangePassword": False,
            "status": "active",
            "storageLabel": None,
        }
        return body | ({"clusterGroupId": user.user_id} if self._options.version >= V3_2 else {})


def _usage(assets: Iterable[Asset]) -> dict[str, Any]:
    """Return number and size of pictures and videos."""
    kinds: dict[str, list[int]] = {"IMAGE": [], "VIDEO": []}
    for asset in assets:
        kinds[asset.type].append(asset.size_bytes)
    photos, videos = sum(kinds["IMAGE"]), sum(kinds["VIDEO"])
    return {
        "photos": len(kinds["IMAGE"]),
        "videos": len(kinds["VIDEO"]),
        "usagePhotos": photos,
        "usageVideos": videos,
        "usage": photos + videos,
    }


def _human(size: float) -> str:
    """Return a size for display: `1.0 GiB`."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"
