"""The parts of Dropbox's JSON that picsync reads.

Unknown fields and unknown tags are ignored; any other deviation makes the whole response a ProtocolError.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from picsync.core.errors import ProtocolError
from picsync.http.client import read_model
from picsync.http.retry import Operation
from picsync.media.instants import instant

T = TypeVar("T")

Text = Annotated[str, Field(max_length=10_000)]
"""The length limit also rejects invalid Unicode."""
Cursor = Annotated[str, Field(min_length=1, max_length=10_000)]

MAX_SIZE = 1 << 53


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, defer_build=True)


class Metadata(_Wire):
    """A file, a folder, a deletion, or something that has no known tag."""

    tag: Text = Field(default="file", alias=".tag")
    """`file`, `folder` or `deleted`. Some calls return files only, without a tag."""
    name: Text
    id: Text = ""
    """Stays the same when the file is renamed or moved; empty for a deletion."""
    path_lower: Text | None = None
    """For comparisons. None behind a shared link."""
    path_display: Text | None = None
    """As shown; only its last part is reliable."""
    rev: Text = ""
    size: int = Field(default=0, ge=0, le=MAX_SIZE)
    content_hash: Text | None = None
    client_modified: Text | None = None
    server_modified: Text | None = None
    is_downloadable: bool = True
    media_info: dict[str, Any] | None = None
    """Only on request: `.tag` is `pending` or `metadata`."""

    @property
    def key(self) -> str:
        """What identifies its place in a listing: the path in lower case or, without one, the name."""
        return self.path_lower if self.path_lower is not None else self.name

    @property
    def modified_at(self) -> datetime | None:
        """When the file was changed last, according to whoever uploaded it."""
        return instant(self.client_modified)


class FolderPage(_Wire):
    """A page of a listing, or of its changes."""

    entries: list[Metadata]
    cursor: Cursor
    has_more: bool


class LatestCursor(_Wire):
    """A cursor without a listing."""

    cursor: Cursor


class Poll(_Wire):
    """The answer to a long poll."""

    changes: bool
    backoff: float | None = Field(default=None, ge=0, le=86_400)
    """Seconds to wait before the next long poll."""


class Moved(_Wire):
    """The answer to a write that returns what it changed."""

    metadata: Metadata


class Session(_Wire):
    """A new upload session."""

    session_id: Cursor


class Sessions(_Wire):
    """Several new upload sessions."""

    session_ids: list[Cursor]


class BatchEntry(BaseModel):
    """The outcome of one entry of a batch; the other fields are those of its success or failure."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    tag: Text = Field(alias=".tag")

    @property
    def fields(self) -> dict[str, Any]:
        """The fields next to the tag."""
        return self.model_extra or {}


class Job(_Wire):
    """The answer to a batch, or to the question whether it is done."""

    tag: Text = Field(alias=".tag")
    """`complete`, `async_job_id`, `in_progress` or `failed`."""
    async_job_id: Text = ""
    entries: list[BatchEntry] | None = None


class BatchResult(_Wire):
    """The answer to a batch that is done at once."""

    entries: list[BatchEntry]


class TokenAnswer(_Wire):
    """An access token."""

    access_token: Annotated[str, Field(pattern=r"^[!-~]{1,10000}$", repr=False)]
    expires_in: int = Field(ge=0, le=10**9)
    refresh_token: Annotated[str, Field(pattern=r"^[!-~]{0,10000}$", repr=False)] = ""
    """Only after a login."""
    scope: Text = ""
    account_id: Text = ""


class TokenRefusal(_Wire):
    """An error of the token endpoint."""

    error: Text
    error_description: Text = ""


class Owner(_Wire):
    """Parts of an account's name."""

    display_name: Text = ""


class AccountWire(_Wire):
    """The user's account."""

    account_id: Text
    email: Text = ""
    name: Owner = Owner()


class LimitType(_Wire):
    """What happens at a member's own limit: `off`, `alert_only` or `stop_sync`."""

    tag: str = Field("off", alias=".tag")


class Allocation(_Wire):
    """The space that an account has. All but `allocated` come only in a team.

    As in the types of the official SDK, `dropbox` 12.2 (`users.TeamSpaceAllocation`).
    """

    allocated: int | None = None
    used: int | None = None
    """What all members use."""
    member_allocated: int = Field(0, alias="user_within_team_space_allocated")
    """The member's own limit; 0: none."""
    member_limit: LimitType = Field(LimitType(), alias="user_within_team_space_limit_type")
    member_used: int | None = Field(None, alias="user_within_team_space_used_cached")


class SpaceUsage(_Wire):
    """Used and available space."""

    used: int = Field(ge=0)
    allocation: Allocation = Allocation()

    @property
    def free_bytes(self) -> int | None:
        """What still fits; None if Dropbox does not say.

        In a team it is what is left of the team's space, or of the member's own limit if that stops uploads.
        """
        space = self.allocation
        if space.allocated is None:
            return None
        left = space.allocated - (self.used if space.used is None else space.used)
        if space.member_allocated and space.member_limit.tag == "stop_sync":
            used = self.used if space.member_used is None else space.member_used
            left = min(left, space.member_allocated - used)
        return max(0, left)


METADATA = TypeAdapter(Metadata)
FOLDER_PAGE = TypeAdapter(FolderPage)
LATEST_CURSOR = TypeAdapter(LatestCursor)
POLL = TypeAdapter(Poll)
MOVED = TypeAdapter(Moved)
SESSION = TypeAdapter(Session)
SESSIONS = TypeAdapter(Sessions)
JOB = TypeAdapter(Job)
BATCH_RESULT = TypeAdapter(BatchResult)
TOKEN = TypeAdapter(TokenAnswer)
TOKEN_REFUSAL = TypeAdapter(TokenRefusal)
ACCOUNT = TypeAdapter(AccountWire)
SPACE = TypeAdapter(SpaceUsage)


def parse(operation: Operation, adapter: TypeAdapter[T], response: httpx.Response) -> T:
    """Parse a response's JSON; raises ProtocolError, which names what was wrong but no content."""
    try:
        return read_model(operation, response, adapter)
    except ValidationError as error:
        raise _not_understood(operation, error) from None


def parse_value(operation: Operation, adapter: TypeAdapter[T], value: object) -> T:
    """Parse a part of a response; raises ProtocolError."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise _not_understood(operation, error) from None


def parse_header(operation: Operation, adapter: TypeAdapter[T], response: httpx.Response) -> T:
    """Parse the result of a download; raises ProtocolError."""
    try:
        return adapter.validate_json(response.headers.get("dropbox-api-result", ""))
    except ValidationError as error:
        raise _not_understood(operation, error) from None


def _not_understood(operation: Operation, error: ValidationError) -> ProtocolError:
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return ProtocolError(
        f"{operation}: the response cannot be parsed at {where or 'its beginning'}.",
        hint="Dropbox may have changed it: check for a newer picsync.",
    )
