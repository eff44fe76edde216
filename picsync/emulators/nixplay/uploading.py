"""The steps of an upload: token and permission from the API, the form for S3, the monitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

from picsync.emulators.nixplay.form import FormReader, MalformedForm
from picsync.emulators.nixplay.hosts import UPLOADS, bucket
from picsync.emulators.nixplay.options import Answer, Refused
from picsync.emulators.nixplay.parts import Parts, assertion, form, number
from picsync.emulators.nixplay.signing import denied, s3_answer, size_range
from picsync.emulators.nixplay.spool import Blob, BlobWriter
from picsync.emulators.nixplay.state import Account
from picsync.emulators.nixplay.uploads import Receiver, Upload
from picsync.emulators.service import body, origin

_MAX_FILE_BYTES = 5 * 2**30
_POST_RESPONSE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>{location}</Location>'
    '<Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>"{md5}"</ETag></PostResponse>'
)


class UploadBackend:
    """Handlers of the API, of the monitor and of the upload bucket."""

    def __init__(self, parts: Parts, spool: Path) -> None:
        self._parts = parts
        self._spool = spool

    def api_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes below `/v3/`, each with and without trailing slash."""
        guard = self._parts.sessions.guard
        return tuple(
            web.post(path + slash, guard(handler, v3=True))
            for path, handler in (
                ("/v3/upload/receivers", self._receivers),
                ("/v3/photo/upload", self._permit),
            )
            for slash in ("", "/")
        )

    def monitor_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of `upload-monitor.nixplay.com`."""
        return (web.get("/status", self._status),)

    def bucket_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the bucket."""
        return (web.post("/", self._store), web.route("*", "/{key:.*}", _deny))

    async def _receivers(self, request: web.Request, account: Account) -> web.StreamResponse:
        fields = await form(request)
        total, largest = number(fields.get("total")), self._parts.options.largest_total
        if not total:
            raise assertion("total (number) is required")
        if largest is not None and total > largest:
            raise assertion(f"total must be at most {largest}")
        album_id, playlist_id = number(fields.get("albumId")), number(fields.get("playlistId"))
        if album_id is None and playlist_id is None:
            raise assertion("albumId or playlistId (number) is required")
        playlist = None if playlist_id is None else account.playlists.get(playlist_id)
        album = account.my_uploads() if album_id is None else account.albums.get(album_id)
        if album is None or (album_id is None and playlist is None):
            raise Refused(self._parts.options.unknown_id_v3)
        receiver = self._parts.uploads.open(account, album, playlist, total)
        return web.json_response({"token": receiver.token})

    async def _permit(self, request: web.Request, account: Account) -> web.StreamResponse:
        fields = await form(request)
        for name in ("uploadToken", "fileName", "fileType", "fileSize"):
            if not fields.get(name):
                raise assertion(f"{name} (string) is required")
        receiver = self._parts.uploads.receiver(account, fields["uploadToken"])
        if receiver is None or not _is_for(receiver, fields):
            raise assertion("uploadToken is not valid")
        self._parts.state.name(fields["fileName"], v3=True)
        size = number(fields["fileSize"])
        if not size:
            raise assertion("fileSize (number) is required")
        if fields["fileType"] not in self._parts.options.accepted_types:
            raise assertion(f"fileType {fields['fileType']} is not supported")
        upload = self._parts.uploads.permit(receiver, fields["fileName"], fields["fileType"], size)
        return web.json_response({"data": self._permission(request, upload)})

    def _permission(self, request: web.Request, upload: Upload) -> dict[str, object]:
        acl = "private"
        sizes = (upload.size_bytes,) * 2 if self._parts.options.true_file_size else (0, _MAX_FILE_BYTES)
        policy = self._parts.signer.policy(
            [
                ["eq", "$bucket", bucket(UPLOADS)],
                ["eq", "$key", upload.key],
                ["eq", "$acl", acl],
                ["eq", "$Content-Type", upload.file_type],
                ["eq", "$x-amz-meta-batch-upload-id", upload.batch_id],
                ["eq", "$success_action_status", "201"],
                ["content-length-range", *sizes],
            ]
        )
        return {
            "key": upload.key,
            "acl": acl,
            "AWSAccessKeyId": self._parts.signer.access_key,
            "Policy": policy,
            "Signature": self._parts.signer.sign(policy),
            "batchUploadId": upload.batch_id,
            "userUploadId": upload.upload_id,
            "userUploadIds": [upload.upload_id],
            "fileType": upload.file_type,
            "fileSize": upload.size_bytes,
            "s3UploadUrl": f"{origin(request, UPLOADS)}/",
        }

    async def _status(self, request: web.Request) -> web.StreamResponse:
        return (await self._parts.uploads.status(request.query.get("id", ""))).response()

    async def _store(self, request: web.Request) -> web.StreamResponse:
        if request.content_length is None:
            message = "You must provide the Content-Length HTTP header."
            return s3_answer(411, "MissingContentLength", message).response()
        try:
            fields, blob = await self._read(request)
        except MalformedForm as error:
            message = f"The body of your POST request is not well-formed multipart/form-data: {error}."
            return s3_answer(400, "MalformedPOSTRequest", message).response()
        except Refused as refused:
            return refused.answer.response()
        key = fields["key"]
        self._parts.uploads.received(key, blob)
        location = f"{origin(request, UPLOADS)}/{key}"
        body = _POST_RESPONSE.format(location=location, bucket=bucket(UPLOADS), key=key, md5=blob.md5)
        headers = {"ETag": f'"{blob.md5}"', "Location": location}
        return web.Response(status=201, text=body, content_type="application/xml", headers=headers)

    async def _read(self, request: web.Request) -> tuple[Mapping[str, str], Blob]:
        reader = FormReader(body(request), request.headers.get("Content-Type", ""))
        fields: dict[str, str] = {}
        while (name := await reader.next_name()) != "file":
            if name is None:
                raise Refused(_invalid("POST requires exactly one file upload per request."))
            fields[name] = (await reader.value()).decode(errors="replace")
        self._check(fields)
        smallest, largest = size_range(fields)
        with BlobWriter(self._spool) as writer:
            async for chunk in reader.chunks():
                writer.write(chunk)
                if writer.size_bytes > largest:
                    message = "Your proposed upload exceeds the maximum allowed size"
                    raise Refused(s3_answer(400, "EntityTooLarge", message))
            if writer.size_bytes < smallest:
                message = "Your proposed upload is smaller than the minimum allowed size"
                raise Refused(s3_answer(400, "EntityTooSmall", message))
            return fields, writer.finish()

    def _check(self, fields: Mapping[str, str]) -> None:
        if "key" not in fields:
            raise Refused(
                _invalid(
                    "Bucket POST must contain a field named 'key'. "
                    "If it is specified, please check the order of the fields."
                )
            )
        problem = self._parts.signer.form_problem(fields, bucket(UPLOADS))
        if problem is not None:
            raise Refused(problem)
        if not self._parts.uploads.is_permitted(fields["key"]):
            raise Refused(denied())


def _is_for(receiver: Receiver, fields: Mapping[str, str]) -> bool:
    playlist_id = number(fields.get("playlistId"))
    if receiver.playlist_id is not None:
        return playlist_id == receiver.playlist_id
    return number(fields.get("albumId")) == receiver.album_id


def _invalid(message: str) -> Answer:
    return s3_answer(400, "InvalidArgument", message)


async def _deny(_: web.Request) -> web.StreamResponse:
    return denied().response()
