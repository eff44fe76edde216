"""Opens what the family's pages need. Only a configuration with `family` imports it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from picsync.config import Account, Config, Credentials
from picsync.config.family import Family
from picsync.config.openid import REDIRECT_PATH, SECTION, OpenIdClient
from picsync.core.buckets import BucketPlace
from picsync.family.bucketlibrary import BucketLibrary
from picsync.family.library import FolderLibrary, Library
from picsync.family.people import People
from picsync.family.photos import Photos
from picsync.family.pictures import Pictures
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.family.voting import Voting
from picsync.rendering.pool import Renderer
from picsync.run.wiring import own_folder
from picsync.system.library import BUCKET_INCOMING
from picsync.vendors.s3.bucket import Bucket
from picsync.vendors.s3.credentials import require_storage_key
from picsync.web.family.services import Services
from picsync.web.frame.address import page_base

if TYPE_CHECKING:
    from picsync.family.openid import Provider

FOLDER = "picsync-family-pictures"
"""Small versions of the photos, beside the cache."""


@asynccontextmanager
async def open_family(
    config: Config, family: Family, credentials: Credentials, *, cache: str, renderer: Renderer
) -> AsyncIterator[Services]:
    """Open the services of the family's pages for the context. Raises StateError and ConfigError."""
    state = await State.open(cache)
    try:
        pictures = Pictures(own_folder(cache) / FOLDER, renderer)
        await asyncio.to_thread(pictures.sweep)
        uploads = None
        if (place := family.library_place) is not None:
            account = credentials.account("uploads")
            library = _library(place, albums_of_uploads(config), account, cache)
            uploads = Uploads(
                state, library, pictures, renderer, categories=categories_of_uploads(config, family)
            )
            await uploads.start()
        try:
            yield Services(
                state,
                People(state),
                Photos(state),
                pictures,
                Voting(state),
                uploads,
                title=family.title,
                url=page_base(config),
                share_for=family.share_for,
                downloads=family.downloads,
                passwords=family.passwords,
                openid=_openid(family, credentials, page_base(config)),
            )
        finally:
            if uploads is not None:
                await uploads.aclose()
    finally:
        await state.aclose()


def _openid(family: Family, credentials: Credentials, base: str) -> Provider | None:
    """Return the provider through which people sign in. Its libraries are loaded only for one."""
    if family.oidc is None:
        return None
    from picsync.family.openid import Provider

    client = credentials.account(SECTION).read(OpenIdClient)
    return Provider(
        family.oidc.issuer,
        name=family.oidc.name,
        client_id=client.client_id,
        client_secret=client.client_secret.get_secret_value(),
        redirect_uri=f"{base}{REDIRECT_PATH.lstrip('/')}",
        by_email=family.oidc.by_email,
    )


def _library(place: Path | BucketPlace, albums: Sequence[str], account: Account, cache: str) -> Library:
    if isinstance(place, Path):
        return FolderLibrary(place, albums)
    bucket = Bucket(place, require_storage_key(account))
    return BucketLibrary(bucket, own_folder(cache) / BUCKET_INCOMING, albums)


def albums_of_uploads(config: Config) -> tuple[str, ...]:
    """Return the albums of the library that rules show, each once."""
    entries = (str(entry) for rule in config.albums for entry in rule.sources.get("uploads", ()))
    return tuple(dict.fromkeys(entries))


def categories_of_uploads(config: Config, family: Family) -> Mapping[str, Collection[str]]:
    """Return the albums of the library that categories show, each with their names."""
    shown: dict[str, set[str]] = {}
    for rule in config.albums:
        if family.has(rule.name):
            for entry in rule.sources.get("uploads", ()):
                shown.setdefault(str(entry), set()).add(rule.name)
    return shown
