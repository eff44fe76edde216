"""The objects of a bucket, below a prefix. The only module that loads botocore.

All methods block, and may be called from any number of threads. They raise FileNotFoundError and
FileExistsError for an object; OSError with ENOSPC if the storage is full; BucketError for everything else,
which concerns the bucket as a whole: it is unavailable, whatever is in it.

Protocol: Amazon S3 API Reference, 2006-03-01. A multipart upload is known by its key: services keep it
until it is completed or aborted, so nothing has to be remembered here.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from picsync.core.buckets import BucketPlace
from picsync.core.errors import ConfigError, Problem
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.http import authorities
from picsync.http.network import Network, current

if TYPE_CHECKING:
    from picsync.vendors.s3.credentials import StorageKey

PART_BYTES = 8 * 2**20
"""Size of a part; services accept 5 MiB to 5 GiB, except for the last one, and 10,000 parts."""
COPY_BYTES = 2**30
"""Above this size, an object is copied in parts of this size. Services copy at most 5 GiB at once."""
SIGNED_FOR_S = 3600
"""How long a signed URL is valid: a slow phone needs some minutes for a part."""
_BLOCK_BYTES = 2**18
_CONNECT_S = 10
_READ_S = 30
"""Less than a caller waits for progress."""
_ATTEMPTS = 3
_CONNECTIONS = 8
_DEFAULT_REGION = "us-east-1"
_GONE = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "507"})
_HINTS = {
    "NoSuchBucket": "Create the bucket, or correct `family.library` in picsync.yaml.",
    "AccessDenied": "Check what the key may do: list, read, write and delete in the bucket.",
    "403": "Check the key in the credentials file, and what it may do in the bucket.",
    "InvalidAccessKeyId": "Check `access_key_id` in the credentials file.",
    "SignatureDoesNotMatch": "Check `secret_access_key` and `region` in the credentials file.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "AuthorizationHeaderMalformed": "Check `region` in the credentials file.",
    "PermanentRedirect": "Check `region` in the credentials file.",
}


class BucketError(Exception):
    """The bucket cannot be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object in a listing."""

    key: str
    """Without the prefix."""
    size_bytes: int
    etag: str
    """Changes with the content."""
    modified_at: datetime
    """Aware UTC."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload that has arrived."""

    number: int
    """From 1."""
    size_bytes: int
    etag: str


class Bucket:
    """The objects; keys are relative to the prefix."""

    def __init__(
        self,
        place: BucketPlace,
        key: StorageKey,
        *,
        network: Network | None = None,
        read_timeout_s: float = _READ_S,
        page_size: int | None = None,
    ) -> None:
        """Send nothing. Raises ConfigError if the extra `s3` is not installed.

        `page_size` is how many objects a response to a listing has at most; None leaves it to the service.
        """
        self.place = place
        self._page_size = page_size
        self._client = _client(key, network or current(), read_timeout_s)

    def __repr__(self) -> str:
        return f"Bucket({self.place})"

    @property
    def origin(self) -> str:
        """Scheme, host and port of signed URLs."""
        url = urlsplit(self.sign_read("x", ""))
        return f"{url.scheme}://{url.netloc}"

    def find(self, prefix: str) -> Iterator[Found]:
        """Yield all objects whose keys begin with `prefix`, by key; complete if it ends normally."""
        for page in self._pages("list_objects_v2", Prefix=self._key(prefix)):
            for each in page.get("Contents", ()):
                with self._explained():
                    found = Found(
                        each["Key"].removeprefix(self.place.prefix),
                        each["Size"],
                        each["ETag"].strip('"'),
                        each["LastModified"].astimezone(UTC),
                    )
                yield found

    def folders(self) -> list[str]:
        """Return the first parts of all keys that have several."""
        pages = self._pages("list_objects_v2", Prefix=self.place.prefix, Delimiter="/")
        return [
            each["Prefix"].removeprefix(self.place.prefix).rstrip("/")
            for page in pages
            for each in page.get("CommonPrefixes", ())
        ]

    def metadata(self, key: str) -> tuple[int, Mapping[str, str]] | None:
        """Return the size of an object and what was stored with it; None without such an object."""
        try:
            with self._explained():
                found = self._client.head_object(**self._at(key))
        except FileNotFoundError:
            return None
        return found["ContentLength"], found.get("Metadata", {})

    def read(self, key: str, *, etag: str = "") -> Iterator[bytes]:
        """Yield an object in blocks; raises FileExistsError if it has another `etag` meanwhile."""
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        with self._explained():
            found = self._client.get_object(**self._at(key), **condition)
            body = found["Body"]
            try:
                # Whoever ignores the condition is not the service: the page of a hotel's network, a proxy.
                if etag and found.get("ETag", "").strip('"') != etag:
                    raise self._not_understood("an object without its ETag")
                while block := body.read(_BLOCK_BYTES):
                    yield block
            finally:
                body.close()

    def put(
        self,
        key: str,
        content: BinaryIO | bytes,
        size_bytes: int,
        *,
        mime_type: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Create an object, which appears completely; raises FileExistsError if there is one."""
        about = _about(mime_type, metadata)
        if isinstance(content, bytes) or size_bytes <= PART_BYTES:
            body = content if isinstance(content, bytes) else _block(content, size_bytes)
            with self._explained():
                self._client.put_object(**self._at(key), Body=body, IfNoneMatch="*", **about)
            return

        def send(upload: str, number: int) -> str:
            block = _block(content, min(PART_BYTES, size_bytes - (number - 1) * PART_BYTES))
            sent = self._client.upload_part(**self._at(key), UploadId=upload, PartNumber=number, Body=block)
            progress()
            return str(sent["ETag"])

        self._in_parts(key, -(-size_bytes // PART_BYTES), send, about)

    def copy(
        self,
        source: str,
        key: str,
        size_bytes: int,
        *,
        mime_type: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Copy an object within the bucket. It replaces what is there: look first."""
        about = _about(mime_type, metadata)
        origin = {"Bucket": self.place.bucket, "Key": self._key(source)}
        if size_bytes <= COPY_BYTES:
            with self._explained():
                self._client.copy_object(
                    **self._at(key), CopySource=origin, MetadataDirective="REPLACE", **about
                )
            return

        def send(upload: str, number: int) -> str:
            first = (number - 1) * COPY_BYTES
            last = min(first + COPY_BYTES, size_bytes) - 1
            sent = self._client.upload_part_copy(
                **self._at(key),
                UploadId=upload,
                PartNumber=number,
                CopySource=origin,
                CopySourceRange=f"bytes={first}-{last}",
            )
            progress()
            return str(sent["CopyPartResult"]["ETag"])

        self._in_parts(key, -(-size_bytes // COPY_BYTES), send, about)

    def delete(self, key: str) -> None:
        """Delete an object; succeeds if there is none."""
        with self._explained():
            self._client.delete_object(**self._at(key))

    def sign_read(self, key: str, filename: str) -> str:
        """Return a URL by which everybody can download an object for a while; sends nothing."""
        extra = {"ResponseContentDisposition": _disposition(filename)} if filename else {}
        with self._explained():
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={**self._at(key), **extra}, ExpiresIn=SIGNED_FOR_S
                )
            )

    # Multipart uploads by others.

    def begin(self, key: str) -> str:
        """Return the multipart upload of an object; begin one if there is none. Safe to repeat."""
        if found := self.begun(key):
            return found
        with self._explained():
            return str(self._client.create_multipart_upload(**self._at(key))["UploadId"])

    def begun(self, key: str) -> str:
        """Return the multipart upload of an object, empty without one; of several, the others are aborted."""
        mine = [upload for at, upload in self._uploads(key) if at == key]
        for upload in mine[1:]:
            self._abort(key, upload)
        return mine[0] if mine else ""

    def parts(self, key: str, upload: str) -> Iterator[Part]:
        """Yield the parts of a multipart upload that have arrived, by number."""
        for page in self._pages("list_parts", Key=self._key(key), UploadId=upload):
            for each in page.get("Parts", ()):
                yield Part(each["PartNumber"], each["Size"], each["ETag"])

    def sign_part(self, key: str, upload: str, number: int, size_bytes: int) -> str:
        """Return a URL to which everybody can PUT a part of exactly this size for a while; sends nothing."""
        with self._explained():
            return str(
                self._client.generate_presigned_url(
                    "upload_part",
                    Params={
                        **self._at(key),
                        "UploadId": upload,
                        "PartNumber": number,
                        "ContentLength": size_bytes,
                    },
                    ExpiresIn=SIGNED_FOR_S,
                )
            )

    def complete(self, key: str, upload: str, parts: list[Part]) -> None:
        """Make an object of the parts of a multipart upload."""
        with self._explained():
            self._complete(key, upload, [(part.number, part.etag) for part in parts])

    def abort(self, key: str) -> None:
        """Remove all multipart uploads of an object with their parts; succeeds if there are none."""
        for at, upload in self._uploads(key):
            if at == key:
                self._abort(key, upload)

    def unfinished(self, prefix: str) -> set[str]:
        """Return the keys below a prefix that have multipart uploads. Some services know only whole keys."""
        return {key for key, _ in self._uploads(prefix)}

    def _uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        # rclone's server answers NoSuchUpload if there are none.
        with suppress(FileNotFoundError):
            for page in self._pages("list_multipart_uploads", Prefix=self._key(prefix)):
                for each in page.get("Uploads", ()):
                    yield each["Key"].removeprefix(self.place.prefix), each["UploadId"]

    def _abort(self, key: str, upload: str) -> None:
        with suppress(FileNotFoundError), self._explained():
            self._client.abort_multipart_upload(**self._at(key), UploadId=upload)

    def _in_parts(
        self, key: str, count: int, send: Callable[[str, int], str], about: Mapping[str, Any]
    ) -> None:
        """Create an object of parts; what an earlier attempt has left is removed."""
        self.abort(key)
        with self._explained():
            upload = str(self._client.create_multipart_upload(**self._at(key), **about)["UploadId"])
        try:
            with self._explained():
                sent = [(number, send(upload, number)) for number in range(1, count + 1)]
                self._complete(key, upload, sent)
        except BaseException:
            with suppress(BucketError):  # The next attempt removes it.
                self._abort(key, upload)
            raise

    def _complete(self, key: str, upload: str, sent: list[tuple[int, str]]) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sent]
        self._client.complete_multipart_upload(
            **self._at(key), UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the responses to a listing; it is complete only if the last one says so."""
        with self._explained():
            for page in self._client.get_paginator(operation).paginate(
                Bucket=self.place.bucket, PaginationConfig={"PageSize": self._page_size}, **arguments
            ):
                # botocore takes any XML, and an empty body, for a listing without entries.
                if "IsTruncated" not in page:
                    raise self._not_understood("no listing")
                yield page

    def _key(self, key: str) -> str:
        return self.place.prefix + key

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self._key(key)}

    def _not_understood(self, what: str) -> BucketError:
        return BucketError(
            f"The bucket {self.place} sent a response that is not S3's ({what}). Check `endpoint` in the"
            " credentials file, and what is between this machine and the service."
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Translate what botocore and its connections raise; there is no other place that knows them."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.parsers import ResponseParserError

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
            if code in _GONE:
                raise FileNotFoundError(errno.ENOENT, "no such object") from error
            if code in _TAKEN:
                raise FileExistsError(errno.EEXIST, "another object") from error
            if code in _FULL or status == "507":
                raise OSError(errno.ENOSPC, "the bucket is full", str(self.place)) from error
            hint = _HINTS.get(code) or _HINTS.get(status, "It is tried again.")
            said = harmless(code, 60) or status
            raise BucketError(f"The bucket {self.place} cannot be used: {said} ({status}). {hint}") from error
        except (ResponseParserError, LookupError, ValueError) as error:
            # The last two: a number, a time or an element of a response.
            raise self._not_understood(type(error).__name__) from error
        except (BotoCoreError, HTTPClientError) as error:
            # Its text names addresses that may be signed.
            kind = type(error).__name__
            raise BucketError(
                f"The bucket {self.place} cannot be reached ({kind}). Check `endpoint` in the credentials"
                " file, and the network."
            ) from error


def _client(key: StorageKey, network: Network, read_timeout_s: float) -> Any:
    try:
        from botocore.config import Config
        from botocore.session import Session
    except ImportError:
        wrong = 'needs the extra `s3` for a library in object storage: pip install "picsync[s3]".'
        raise ConfigError([Problem("picsync.yaml", None, "family.library", wrong)]) from None
    # At the level DEBUG, it logs what it signs.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # Nothing but the credentials file counts: no environment, no files of AWS's own tools.
    names = ("profile", "config_file", "credentials_file", "ca_bundle")
    session = Session(session_vars=dict.fromkeys(names, (None, None, None, None)))
    endpoint = key.endpoint or None
    proxies = {}
    if url := urlsplit(endpoint or f"https://s3.{key.region or _DEFAULT_REGION}.amazonaws.com"):
        port = url.port or (443 if url.scheme == "https" else 80)
        if (proxy := network.proxy(url.scheme, url.hostname or "", port)) is not None:
            proxies[url.scheme] = proxy.url
    config = Config(
        signature_version="s3v4",
        connect_timeout=_CONNECT_S,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        max_pool_connections=_CONNECTIONS,
        proxies=proxies,
        ignore_configured_endpoint_urls=True,
        # Checksums of newer kinds are unknown to many services.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "virtual"},
    )
    return session.create_client(
        "s3",
        region_name=key.region or _DEFAULT_REGION,
        endpoint_url=endpoint,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key.get_secret_value(),
        verify=network.own_authorities or network.public_authorities or authorities.public(),
        config=config,
    )


def _about(mime_type: str, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    return {**({"ContentType": mime_type} if mime_type else {}), "Metadata": dict(metadata or {})}


def _block(file: BinaryIO, size_bytes: int) -> bytes:
    block = file.read(size_bytes)
    if len(block) != size_bytes:
        raise OSError(errno.EIO, "the file has become shorter")
    return block


def _disposition(filename: str) -> str:
    """Return the header by which a browser stores an object under a name (RFC 6266)."""
    from urllib.parse import quote

    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
