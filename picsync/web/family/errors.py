"""What a request is refused with."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Refusal(Exception):  # noqa: N818 - named for the situation
    """A request cannot be carried out; the message is for the person who sent it."""

    def __init__(
        self, status: int, message: str, hint: str = "", *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.retry_after_s = retry_after_s


class AboutProblem(BaseModel):
    """Why a request was refused."""

    error: str
    hint: str = Field(description="What to do; may be empty.")
