"""The evidence for each emulated call: one row for every route that the emulators register.

A row names the section of the collected facts about the service, and the independent client that calls the
route in the tests, if there is one. If there is neither, the call is a guess, and the row says so. Guessed
details of otherwise known calls have a table of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_OAUTH, _LIBRARY, _BYTES, _PICKER, _SHARED, _REMOVED, _CLIENT = (
    f"google-photos.md, {section}"
    for section in (
        "OAuth 2.0",
        "Library API v1",
        "Bytes: base URLs",
        "Picker API v1",
        "Public shared albums",
        "What can be read today",
        "google-api-python-client and these APIs",
    )
)
_RCLONE, _BIN = "rclone 1.60 and 1.75", "rclone 1.75"
_GOOGLE, _SUITE = "google-api-python-client 2.202", "gphotos-suite 1.0"
_BOTH = f"{_GOOGLE}, {_SUITE}"
_ALBUM_FETCH = "google-photos-album-image-url-fetch 3.2"
_ASSISTANT = "google-photos-library-api 0.12.1"
_SDK, _AIO, _PY = "@immich/sdk 2.7, 3.0, 3.2", "aioimmich 0.18", "immichpy 9.2 (3.3)"
_SDK_PY, _IMMICH = f"{_SDK}, {_PY}", f"{_SDK}, {_AIO}, {_PY}"
_DROPBOX = "dropbox 12.2"
_TABLE = f"""\
accounts.google.com|GET /o/oauth2/v2/auth|{_OAUTH}|
accounts.google.com|GET /o/oauth2/auth|{_OAUTH}|{_SUITE}
accounts.google.com|POST /o/oauth2/token||
accounts.google.com|* /o/oauth2/revoke||
accounts.google.com|GET /.well-known/openid-configuration||{_BIN}
oauth2.googleapis.com|POST /token|{_OAUTH}|google-auth 2.63, {_RCLONE}, {_SUITE}
oauth2.googleapis.com|POST /device/code|{_OAUTH}|
oauth2.googleapis.com|* /revoke|{_OAUTH}|{_BIN}
oauth2.googleapis.com|* /tokeninfo|{_OAUTH}|
www.googleapis.com|POST /oauth2/v4/token||
www.googleapis.com|POST /oauth2/v3/token||
www.googleapis.com|* /oauth2/v3/tokeninfo||
www.googleapis.com|GET /oauth2/v1/userinfo||{_ASSISTANT}
www.googleapis.com|GET /oauth2/v2/userinfo||{_GOOGLE}
www.googleapis.com|GET /oauth2/v3/userinfo||
openidconnect.googleapis.com|GET /v1/userinfo||{_BIN}
lh3.googleusercontent.com|GET /pk/{{name}}|{_PICKER}|
lh3.googleusercontent.com|GET /lr/{{name}}|{_BYTES}|{_RCLONE}, {_SUITE}
lh3.googleusercontent.com|GET /pw/{{name}}|{_SHARED}|
video-downloads.googleusercontent.com|GET /{{token}}|{_BYTES}|{_RCLONE}, {_SUITE}
photos.app.goo.gl|GET /{{code}}|{_SHARED}|{_ALBUM_FETCH}
photos.google.com|GET /picker/{{page}}||
photos.google.com|POST /picker/{{page}}||
photos.google.com|GET /share/{{album}}|{_SHARED}|{_ALBUM_FETCH}
photos.google.com|GET /u/{{user}}/share/{{album}}|{_SHARED}|{_ALBUM_FETCH}
photos.google.com|POST /_/PhotosUi/data/batchexecute|{_SHARED}|
photos.google.com|POST /u/{{user}}/_/PhotosUi/data/batchexecute|{_SHARED}|
consent.google.com|GET /ml|{_SHARED}|{_ALBUM_FETCH}
photospicker.googleapis.com|POST /v1/sessions|{_PICKER}|{_GOOGLE}
photospicker.googleapis.com|GET /v1/sessions/{{sessionId}}|{_PICKER}|{_GOOGLE}
photospicker.googleapis.com|DELETE /v1/sessions/{{sessionId}}|{_PICKER}|{_GOOGLE}
photospicker.googleapis.com|GET /v1/mediaItems|{_PICKER}|{_GOOGLE}
photospicker.googleapis.com|GET /$discovery/rest|{_CLIENT}|{_GOOGLE}
photoslibrary.googleapis.com|GET /$discovery/rest|{_CLIENT}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/uploads|{_LIBRARY}|{_RCLONE}, {_ASSISTANT}, {_SUITE}
photoslibrary.googleapis.com|PUT /v1/uploads||
photoslibrary.googleapis.com|GET /v1/albums|{_LIBRARY}|{_RCLONE}, {_BOTH}, {_ASSISTANT}
photoslibrary.googleapis.com|POST /v1/albums|{_LIBRARY}|{_RCLONE}, {_BOTH}, {_ASSISTANT}
photoslibrary.googleapis.com|GET /v1/albums/{{albumId}}|{_LIBRARY}|{_BOTH}, {_ASSISTANT}
photoslibrary.googleapis.com|PATCH /v1/albums/{{id}}|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/albums/{{albumId}}:batchAddMediaItems|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/albums/{{albumId}}:batchRemoveMediaItems|{_LIBRARY}|{_BIN}, {_BOTH}
photoslibrary.googleapis.com|POST /v1/albums/{{albumId}}:addEnrichment|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|GET /v1/sharedAlbums/{{shareToken}}|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|GET /v1/sharedAlbums|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/albums/{{albumId}}:share|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|POST /v1/albums/{{albumId}}:unshare|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|POST /v1/sharedAlbums:join|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|POST /v1/sharedAlbums:leave|{_REMOVED}|{_GOOGLE}
photoslibrary.googleapis.com|GET /v1/mediaItems|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/mediaItems:search|{_LIBRARY}|{_RCLONE}, {_BOTH}, {_ASSISTANT}
photoslibrary.googleapis.com|GET /v1/mediaItems:batchGet|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|GET /v1/mediaItems/{{mediaItemId}}|{_LIBRARY}|{_BOTH}, {_ASSISTANT}
photoslibrary.googleapis.com|PATCH /v1/mediaItems/{{id}}|{_LIBRARY}|{_BOTH}
photoslibrary.googleapis.com|POST /v1/mediaItems:batchCreate|{_LIBRARY}|{_RCLONE}, {_BOTH}, {_ASSISTANT}
immich.example|GET /api/server/ping|immich.md, 1|{_SDK_PY}
immich.example|GET /api/server/version|immich.md, 1|{_IMMICH}
immich.example|GET /api/server/version-check||{_IMMICH}
immich.example|GET /api/server/about|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/server/config|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/server/features|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/server/media-types|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/server/storage|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/server/statistics|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/users/me|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/api-keys/me|immich.md, 1|{_SDK_PY}
immich.example|GET /api/albums|immich.md, 3|{_IMMICH}
immich.example|GET /api/albums/statistics|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/albums/{{id}}|immich.md, 3|{_IMMICH}
immich.example|POST /api/search/metadata|immich.md, 4|{_IMMICH}
immich.example|POST /api/search/statistics|immich.md, 4|{_SDK_PY}
immich.example|POST /api/search/random|immich.md, 4.3|{_SDK_PY}
immich.example|GET /api/search/person|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/search/suggestions|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/people|immich.md, 4.3|{_IMMICH}
immich.example|GET /api/people/{{id}}||{_IMMICH}
immich.example|GET /api/people/{{id}}/statistics|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/people/{{id}}/thumbnail|immich.md, Appendix|{_IMMICH}
immich.example|GET /api/tags|immich.md, 4.3|{_IMMICH}
immich.example|GET /api/tags/{{id}}||{_IMMICH}
immich.example|GET /api/timeline/buckets|immich.md, 4.3|{_SDK_PY}
immich.example|GET /api/memories|immich.md, 4.3|{_SDK_PY}
immich.example|GET /api/shared-links|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/shared-links/me|immich.md, 7|{_SDK_PY}
immich.example|POST /api/shared-links/login|immich.md, 7|{_PY}
immich.example|GET /api/assets/statistics|immich.md, Appendix|{_SDK_PY}
immich.example|GET /api/assets/{{id}}||{_SDK_PY}
immich.example|GET /api/assets/{{id}}/original|immich.md, 6|{_SDK_PY}
immich.example|GET /api/assets/{{id}}/thumbnail|immich.md, 6|{_IMMICH}
immich.example|GET /api/assets/{{id}}/video/playback|immich.md, 6|{_AIO}, {_PY}
immich.example|GET /.well-known/immich|immich.md, Appendix|
www.dropbox.com|GET /oauth2/authorize|dropbox.md, 2|{_DROPBOX}
www.dropbox.com|GET /home||
www.dropbox.com|GET /home/{{rev}}||
www.dropbox.com|GET /scl/{{sort}}/{{key}}/{{name}}||
api.dropboxapi.com|POST /oauth2/token|dropbox.md, 2|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/list_folder|dropbox.md, 3.1|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/list_folder/continue|dropbox.md, 3.2|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/list_folder/get_latest_cursor|dropbox.md, 3.3|{_DROPBOX}
api.dropboxapi.com|POST /2/files/get_metadata|dropbox.md, 3.5|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/list_revisions||{_DROPBOX}
api.dropboxapi.com|POST /2/files/get_temporary_link|dropbox.md, 5|{_DROPBOX}
api.dropboxapi.com|POST /2/files/create_folder_v2|dropbox.md, 7|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/create_folder_batch||{_DROPBOX}
api.dropboxapi.com|POST /2/files/create_folder_batch/check||{_DROPBOX}
api.dropboxapi.com|POST /2/files/move_v2|dropbox.md, 7|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/move_batch_v2|dropbox.md, 7|{_DROPBOX}
api.dropboxapi.com|POST /2/files/move_batch/check_v2|dropbox.md, 7|{_DROPBOX}
api.dropboxapi.com|POST /2/files/copy_v2||{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/copy_batch_v2||{_DROPBOX}
api.dropboxapi.com|POST /2/files/copy_batch/check_v2||{_DROPBOX}
api.dropboxapi.com|POST /2/files/delete_v2|dropbox.md, 7|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/delete_batch|dropbox.md, 7|{_DROPBOX}
api.dropboxapi.com|POST /2/files/delete_batch/check|dropbox.md, 7|{_DROPBOX}
api.dropboxapi.com|POST /2/files/restore||{_DROPBOX}
api.dropboxapi.com|POST /2/files/upload_session/start_batch||{_DROPBOX}
api.dropboxapi.com|POST /2/files/upload_session/finish_batch_v2|dropbox.md, 7|{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/files/upload_session/finish_batch||{_DROPBOX}
api.dropboxapi.com|POST /2/files/upload_session/finish_batch/check||{_DROPBOX}
api.dropboxapi.com|POST /2/sharing/get_shared_link_metadata|dropbox.md, 6|{_DROPBOX}
api.dropboxapi.com|POST /2/sharing/create_shared_link_with_settings||{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/sharing/list_shared_links||{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/sharing/revoke_shared_link||{_DROPBOX}
api.dropboxapi.com|POST /2/users/get_current_account||{_DROPBOX}
api.dropboxapi.com|POST /2/users/get_space_usage||{_DROPBOX}, {_BIN}
api.dropboxapi.com|POST /2/check/user||{_DROPBOX}
api.dropboxapi.com|POST /2/check/app||{_DROPBOX}
api.dropboxapi.com|POST /2/auth/token/revoke|dropbox.md, 2|{_DROPBOX}
content.dropboxapi.com|POST /2/files/download|dropbox.md, 5|{_DROPBOX}, {_BIN}
content.dropboxapi.com|GET /2/files/download|dropbox.md, 5|
content.dropboxapi.com|POST /2/files/get_thumbnail||{_DROPBOX}
content.dropboxapi.com|GET /2/files/get_thumbnail||
content.dropboxapi.com|POST /2/files/get_thumbnail_v2|dropbox.md, 5|{_DROPBOX}
content.dropboxapi.com|GET /2/files/get_thumbnail_v2|dropbox.md, 5|
content.dropboxapi.com|POST /2/files/get_thumbnail_batch|dropbox.md, 5|{_DROPBOX}
content.dropboxapi.com|POST /2/files/upload|dropbox.md, 7|{_DROPBOX}
content.dropboxapi.com|POST /2/files/upload_session/start|dropbox.md, 7|{_DROPBOX}, {_BIN}
content.dropboxapi.com|POST /2/files/upload_session/append_v2|dropbox.md, 7|{_DROPBOX}, {_BIN}
content.dropboxapi.com|POST /2/files/upload_session/finish|dropbox.md, 7|{_DROPBOX}, {_BIN}
content.dropboxapi.com|POST /2/sharing/get_shared_link_file|dropbox.md, 6|{_DROPBOX}
content.dropboxapi.com|GET /2/sharing/get_shared_link_file|dropbox.md, 6|
notify.dropboxapi.com|POST /2/files/list_folder/longpoll|dropbox.md, 3.4|{_DROPBOX}
uc0000000000.dl.dropboxusercontent.com|GET /cd/0/get/{{token}}/file|dropbox.md, 5|{_DROPBOX}
api.nixplay.com|POST /www-login/|nixplay.md, Login, cookies, CSRF [T]|
api.nixplay.com|POST /v2/www-login-redirect/|nixplay.md, Login, cookies, CSRF [C]|
api.nixplay.com|GET /sign_out/||
api.nixplay.com|GET /user/profile/edit/|nixplay.md, Login, cookies, CSRF [T]|
api.nixplay.com|GET /albums/web/json/|nixplay.md, Albums [T, C]|
api.nixplay.com|GET /albums/email/json/||
api.nixplay.com|GET /v2/albums/web/json/|nixplay.md, Albums [T, C]|
api.nixplay.com|GET /v2/albums/email/json/|nixplay.md, Albums [T]|
api.nixplay.com|POST /album/create/json/|nixplay.md, Albums [T]|
api.nixplay.com|POST /album/{{album_id}}/delete/json/|nixplay.md, Albums [T, C]|
api.nixplay.com|GET /album/{{album_id}}/pictures/json/|nixplay.md, Photos of an album [T, C]|
api.nixplay.com|GET /album/{{album_id}}/pictures/json|nixplay.md, Albums [I]|
api.nixplay.com|GET /picture/{{picture_id}}/|nixplay.md, Photos of an album [T]|
api.nixplay.com|POST /picture/{{picture_id}}/delete/json/|nixplay.md, Photos of an album [T]|
api.nixplay.com|GET /v3/playlists|nixplay.md, Playlists [T]|
api.nixplay.com|POST /v3/playlists|nixplay.md, Playlists [T, I]|
api.nixplay.com|DELETE /v3/playlists/{{playlist_id}}|nixplay.md, Playlists [T]|
api.nixplay.com|GET /v3/playlists/{{playlist_id}}/slides|nixplay.md, Playlists [T]|
api.nixplay.com|POST /v3/playlists/{{playlist_id}}/items|nixplay.md, Playlists [C, I]|
api.nixplay.com|DELETE /v3/playlists/{{playlist_id}}/items|nixplay.md, Playlists [T, C]|
api.nixplay.com|PATCH /v3/pictures/{{picture_id}}/attrs|nixplay.md, Photos of an album [C]|
api.nixplay.com|GET /v3/frames|nixplay.md, Frames [C]|
api.nixplay.com|GET /v3/frame/online-status|nixplay.md, Frames [C]|
api.nixplay.com|POST /v3/shared-frames/{{frame_pk}}/playlists|nixplay.md, Frames [C]|
api.nixplay.com|POST /v3/upload/receivers|nixplay.md, Upload: four requests [C]|
api.nixplay.com|POST /v3/photo/upload|nixplay.md, Upload: four requests [C]|
app.nixplay.com|GET /*||
upload-monitor.nixplay.com|GET /status|nixplay.md, Upload: four requests [T, C]|
nixplay-prod-upload.s3.us-west-2.amazonaws.com|POST /|nixplay.md, Upload: four requests [T, C]|
nixplay-prod-original.s3.us-west-2.amazonaws.com|* /*|nixplay.md, Photos of an album [T, C]|
"""


_GUESSES = """\
accounts.google.com|GET /o/oauth2/v2/auth|the texts of the pages that refuse
openidconnect.googleapis.com|GET /v1/userinfo|what is returned without the scopes for e-mail and profile
www.googleapis.com|GET /oauth2/v2/userinfo|what is returned without the scopes for e-mail and profile
lh3.googleusercontent.com|GET /lr/{name}|no ranges for images; that `=d` gives the same bytes each time
lh3.googleusercontent.com|GET /pk/{name}|how it refuses a request without a token
photos.google.com|GET /share/{album}|whether an item has one key in all albums; the form of an empty album
photos.google.com|POST /_/PhotosUi/data/batchexecute|the largest page; how it refuses a wrong token
consent.google.com|GET /ml|the page's path and text
photospicker.googleapis.com|POST /v1/sessions|the largest number of sessions; a repeated `requestId`
photospicker.googleapis.com|GET /v1/sessions/{sessionId}|how long a session lives; seven days were seen
photoslibrary.googleapis.com|GET /$discovery/rest|the descriptions; which scopes a method names
photoslibrary.googleapis.com|GET /v1/albums|the text of the daily quota's 429, and that it has no Retry-After
photoslibrary.googleapis.com|PATCH /v1/albums/{id}|that a cover from outside the album is a 400
photoslibrary.googleapis.com|POST /v1/albums/{albumId}:addEnrichment|what is refused, and how
photoslibrary.googleapis.com|POST /v1/mediaItems:batchCreate|that a position which the album lacks is a 400
photoslibrary.googleapis.com|POST /v1/mediaItems:search|a page size above 100: refused, or lowered to 100
www.dropbox.com|GET /oauth2/authorize|the page with the code; the texts of the pages that refuse
api.dropboxapi.com|POST /2/files/list_folder|a wrong link password; a link to a file; the default `limit`
api.dropboxapi.com|POST /2/files/list_folder/continue|the order; that a deleted folder's content is named
api.dropboxapi.com|POST /2/files/move_v2|that parent folders are created; a new `rev`
api.dropboxapi.com|POST /2/files/copy_v2|that missing parent folders are created
api.dropboxapi.com|POST /2/files/create_folder_v2|that missing parent folders are created
api.dropboxapi.com|POST /2/files/upload_session/finish_batch_v2|an offset that is not the session's size
api.dropboxapi.com|POST /2/sharing/get_shared_link_metadata|a path that the link's folder does not contain
content.dropboxapi.com|POST /2/files/upload|identical bytes and `strict_conflict`; a conflicted copy's name
content.dropboxapi.com|POST /2/files/get_thumbnail_v2|the bytes: they are Pillow's
notify.dropboxapi.com|POST /2/files/list_folder/longpoll|how the cursor of a shared link is refused
api.nixplay.com|POST /www-login/|how long a session lives; what an expired one is answered
api.nixplay.com|GET /v2/albums/web/json/|the order; whether new albums and `photo_count` lag behind; 429
api.nixplay.com|POST /album/create/json/|emoji and long names: kept or not; which name is answered
api.nixplay.com|GET /album/{album_id}/pictures/json/|the largest `limit`; a larger one; other orders
api.nixplay.com|GET /picture/{picture_id}/|the answer for an unknown id, here and elsewhere
api.nixplay.com|GET /v3/playlists|whether new playlists and `picture_count` lag behind
api.nixplay.com|GET /v3/playlists|what `on_frames` contains; whether it can be relied on
api.nixplay.com|POST /v3/playlists|emoji and long names: kept or not
api.nixplay.com|GET /v3/playlists/{playlist_id}/slides|the largest `size`; a larger one
api.nixplay.com|POST /v3/playlists/{playlist_id}/items|whether the order is kept; an id that is gone
api.nixplay.com|DELETE /v3/playlists/{playlist_id}/items|what `delPhoto` does
api.nixplay.com|PATCH /v3/pictures/{picture_id}/attrs|the response; whether texts are kept and listed
api.nixplay.com|GET /v3/frames|the fields but the name; which one is the number that requests take
api.nixplay.com|POST /v3/shared-frames/{frame_pk}/playlists|the response; that `remove` takes a playlist away
api.nixplay.com|POST /v3/upload/receivers|whether `total` is enforced; the largest one
api.nixplay.com|POST /v3/photo/upload|how full storage is told; a wrong `fileSize`; names with emoji
upload-monitor.nixplay.com|GET /status|all answers but two; how long it blocks; whether listings lag
nixplay-prod-upload.s3.us-west-2.amazonaws.com|POST /|for how long a permission is good
nixplay-prod-original.s3.us-west-2.amazonaws.com|* /*|for how long a URL is good
"""
"""Details of calls that neither the facts nor a client confirm."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for one emulated call."""

    host: str
    call: str
    """Verb and path, without the patterns of its parameters."""
    facts: str
    """File and section; empty if none describes the call."""
    client: str
    """An independent client that calls it in the tests, with its version; empty if none does."""

    @property
    def is_guess(self) -> bool:
        """Whether nothing but the emulator itself claims that the call is like this."""
        return not self.facts and not self.client


@dataclass(frozen=True, slots=True)
class Guess:
    """A guessed detail of an emulated call."""

    host: str
    call: str
    detail: str


EVIDENCE = tuple(Evidence(*line.split("|")) for line in _TABLE.splitlines())
GUESSES = tuple(Guess(*line.split("|")) for line in _GUESSES.splitlines())


def as_markdown() -> str:
    """Return the tables for the documentation."""
    calls = [
        (f"`{row.host}`", f"`{row.call}`", "**a guess**" if row.is_guess else row.facts, row.client or "none")
        for row in EVIDENCE
    ]
    guesses = [(f"`{row.host}`", f"`{row.call}`", row.detail) for row in GUESSES]
    return (
        _table(("host", "call", "facts", "client in the tests"), calls)
        + "\n## Guessed details\n\n"
        + _table(("host", "call", "guessed"), guesses)
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
