"""Routes for looking: what is new, albums, one photo, searching, the small versions of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from picsync.cache.schema import instant, number
from picsync.family.looking import MAX_CAPTION, Page, Seen, clean_caption, clean_tags, words_of
from picsync.family.people import Role, Session
from picsync.family.photos import Photo
from picsync.family.pictures import SIZES
from picsync.family.shares import ShareKind
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Administrator, Member, Viewer
from picsync.web.family.pages import page
from picsync.web.family.services import Served, Services
from picsync.web.family.voting import MAX_CATEGORY, names_of, picture_of

router = APIRouter()
_pages = APIRouter(include_in_schema=False)
_api = APIRouter(prefix="/api", tags=["photos"])

SINCE = "picsync-since"
"""Cookie: since when photos are marked as new, so that they stay so while somebody looks around."""
SINCE_FOR = timedelta(minutes=30)
MAX_DIGITS = 16
"""Of microseconds since 1970."""
LOOKED_EVERY = timedelta(minutes=1)
"""How exactly it is stored when a person looked."""

After = Annotated[str, Query(max_length=60, description="`more` of the page before.")]


@dataclass(frozen=True, slots=True)
class Day:
    """Photos that arrived on one day."""

    name: str
    photos: Sequence[Photo]


class AboutPhoto(BaseModel):
    """A photo or video."""

    id: str
    kind: str
    filename: str
    text: str
    width: int | None
    height: int | None
    taken_at: str | None = Field(description="By the camera's clock, without a zone: `2026-05-01T12:00:00`.")
    place: str
    added_at: datetime
    sender: str | None = Field(description="ID of the person who sent it.")
    hidden: bool
    pictures: dict[int, str] = Field(
        description="Paths of small versions, by their longest side; a token opens them, too, and `original`"
        " in place of `240.jpg` is the original if the library has it."
    )


class AboutPage(BaseModel):
    """Some photos of a list, those first that arrived last."""

    photos: list[AboutPhoto]
    more: str = Field(description="`after` of the next page; empty at the end.")


class AboutResults(BaseModel):
    """A photo's games."""

    points: float
    margin: float
    won: int
    lost: int
    equal: int
    beaten: list[str]


class AboutSeen(AboutPhoto):
    """A photo with everything that is known of it."""

    tags: list[str]
    categories: list[str]
    newer: str | None
    older: str | None
    results: AboutResults
    sender_name: str
    frames: list[str] = Field(description="Names of the frames that show it now.")


class ToDescribe(BaseModel):
    """What is to be written about a photo; what is missing stays."""

    caption: str | None = Field(None, max_length=4 * MAX_CAPTION)
    tags: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=100)


# --- pages ------------------------------------------------------------------------------------------------


@_pages.get("/")
async def home(request: Request, session: Viewer, services: Served, after: After = "") -> Response:
    """Show what is new, day by day."""
    now, person = services.now(), session.person
    since = person.looked_at
    kept = request.cookies.get(SINCE, "")
    if kept.isascii() and kept.isdigit() and len(kept) <= MAX_DIGITS:
        since = instant(int(kept)) if int(kept) else None
    found = await services.looking.latest(after=after)
    new = 0 if after else await services.looking.count_since(since)
    response = page(
        request,
        "new.html",
        session,
        days=_days(found.photos, now),
        since=since,
        new=new,
        more=found.more,
        first=not after,
        categories=list(await services.voting.categories()),
        ratio=ratio,
    )
    if not after and (person.looked_at is None or now - person.looked_at > LOOKED_EVERY):
        await services.people.looked(person.person, now)
    if not kept:
        response.set_cookie(
            SINCE,
            str(number(since) if since else 0),
            max_age=int(SINCE_FOR.total_seconds()),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
    return response


@_pages.get("/album/{category:path}")
async def album(
    request: Request, category: str, session: Viewer, services: Served, after: After = ""
) -> Response:
    """Show all photos of a category."""
    return await show_album(request, session, services, category, after)


@_pages.get("/search")
async def search(
    request: Request,
    session: Viewer,
    services: Served,
    q: Annotated[str, Query()] = "",
    after: After = "",
) -> Response:
    """Show photos in whose texts all words occur."""
    found = await services.looking.search(q, after=after)
    asked = " ".join(words_of(q))
    return page(
        request, "search.html", session, asked=asked, found=found, first=not after, ratio=ratio, q=q[:200]
    )


@_pages.get("/photo/{photo}")
async def photo_page(
    request: Request,
    photo: str,
    session: Viewer,
    services: Served,
    within: Annotated[str | None, Query(alias="in", max_length=MAX_CATEGORY)] = None,
) -> Response:
    """Show one photo, large."""
    return await show_photo(request, session, services, photo, within)


async def show_photo(
    request: Request,
    session: Session,
    services: Services,
    photo: str,
    within: str | None = None,
    *,
    problem: str = "",
    typed: tuple[str, str] | None = None,
    link: str = "",
) -> Response:
    """Return a photo's page; `typed` is a caption and tags that were not stored."""
    seen = await _seen(services, session, photo, within)
    standing = await services.ratings.standing(photo)
    beaten = await services.photos.find_all(seen.results.beaten)
    names = await names_of(services)
    frames = (await services.on_frames.of([photo])).get(photo, ())
    return page(
        request,
        "photo.html",
        session,
        status=422 if problem else 200,
        seen=seen,
        photo=seen.photo,
        frames=frames,
        standing=standing,
        beaten=[beaten[each] for each in seen.results.beaten if each in beaten and not beaten[each].hidden],
        names=names,
        hidden_by=names.get(seen.hidden_by, seen.hidden_by),
        within=within,
        suffix=f"?in={quote(within)}" if within is not None else "",
        most=MAX_CAPTION,
        problem=problem,
        typed=typed or (seen.photo.text, ", ".join(seen.tags)),
        link=link,
        shares=await services.shares.valid(ShareKind.PHOTO, photo),
        ratio=ratio,
        files_at=services.uploads.bucket_origin if services.uploads is not None else "",
    )


async def show_album(
    request: Request, session: Session, services: Services, category: str, after: str = "", *, link: str = ""
) -> Response:
    """Return an album's page."""
    counts = await services.voting.categories()
    if category not in counts:
        raise _no_category()
    found = await services.looking.latest(category, after=after)
    return page(
        request,
        "album.html",
        session,
        category=category,
        count=counts[category],
        found=found,
        first=not after,
        ratio=ratio,
        shares=await services.shares.valid(ShareKind.ALBUM, category),
        names=await names_of(services),
        link=link,
    )


@_pages.post("/photo/{photo}/words")
async def write(
    request: Request,
    photo: str,
    session: Member,
    services: Served,
    caption: Annotated[str, Form()] = "",
    tags: Annotated[str, Form()] = "",
) -> Response:
    """Store a caption and tags."""
    try:
        words, labels = clean_caption(caption), clean_tags(tags)
    except ValueError as error:
        return await show_photo(
            request, session, services, photo, problem=f"Not stored: {error}.", typed=(caption, tags)
        )
    if not await services.looking.describe(photo, caption=words, tags=labels, by=session.person.person):
        raise no_photo()
    return RedirectResponse(f"/photo/{quote(photo)}", 303)


@_pages.post("/photo/{photo}/hide")
async def hide(photo: str, session: Member, services: Served) -> Response:
    """Keep a photo off all frames."""
    await _hide(photo, session, services)
    return RedirectResponse(f"/photo/{quote(photo)}", 303)


@_pages.post("/photo/{photo}/restore")
async def restore(photo: str, session: Administrator, services: Served) -> Response:
    """Let the frames show a photo again."""
    await services.photos.restore(photo, by=session.person.person)
    return RedirectResponse(f"/photo/{quote(photo)}", 303)


# --- API --------------------------------------------------------------------------------------------------


@_api.get("/photos")
async def photos(
    _session: Viewer,
    services: Served,
    category: Annotated[str | None, Query(max_length=MAX_CATEGORY)] = None,
    q: Annotated[str, Query(description="Words that must occur in its texts.")] = "",
    after: After = "",
) -> AboutPage:
    """List photos of a category, those that contain some words, or all."""
    if q:
        return _about_page(await services.looking.search(q, after=after))
    return _about_page(await services.looking.latest(category, after=after))


@_api.get("/photos/{photo}")
async def one_photo(photo: str, session: Viewer, services: Served) -> AboutSeen:
    """Show a photo."""
    return await _about_seen(services, session, photo)


@_api.patch("/photos/{photo}")
async def change_photo(photo: str, what: ToDescribe, session: Member, services: Served) -> AboutSeen:
    """Write a caption, tags, or both."""
    try:
        caption = None if what.caption is None else clean_caption(what.caption)
        tags = None if what.tags is None else clean_tags(",".join(what.tags))
    except ValueError as error:
        raise Refusal(422, f"Nothing was stored: {error}.") from None
    if not await services.looking.describe(photo, caption=caption, tags=tags, by=session.person.person):
        raise no_photo()
    return await _about_seen(services, session, photo)


@_api.put("/photos/{photo}/hidden", status_code=204)
async def hide_photo(photo: str, session: Member, services: Served) -> None:
    """Keep a photo off all frames."""
    await _hide(photo, session, services)


@_api.delete("/photos/{photo}/hidden", status_code=204)
async def restore_photo(photo: str, session: Administrator, services: Served) -> None:
    """Let the frames show a photo again."""
    await services.photos.restore(photo, by=session.person.person)


# --- words and shapes -------------------------------------------------------------------------------------


def ratio(photo: Photo) -> int:
    """Return the class of a photo's shape: its width by its height, in tenths."""
    if not photo.width or not photo.height:
        return 13
    return max(6, min(22, round(10 * photo.width / photo.height)))


def no_photo() -> Refusal:
    """Return what says that there is no such photo."""
    return Refusal(404, "There is no such photo.", "Perhaps it has been removed.")


def _no_category() -> Refusal:
    return Refusal(404, "There is no such album.", "It appears once it has photos.")


async def _seen(services: Services, session: Session, photo: str, within: str | None = None) -> Seen:
    seen = await services.looking.see(photo, within)
    if seen is None or (seen.photo.hidden and not session.may(Role.MEMBER)):
        raise no_photo()
    return seen


async def _hide(photo: str, session: Session, services: Services) -> None:
    if await services.photos.find(photo) is None:
        raise no_photo()
    await services.photos.hide(photo, by=session.person.person)


def _days(photos: Sequence[Photo], now: datetime) -> list[Day]:
    today = now.astimezone().date()

    def name(photo: Photo) -> str:
        assert photo.added_at is not None  # noqa: S101 - it is stored
        day = photo.added_at.astimezone().date()
        if day == today:
            return "Today"
        if day == today - timedelta(days=1):
            return "Yesterday"
        return f"{day:%A}, {day.day} {day:%B}" + ("" if day.year == today.year else f" {day.year}")

    return [Day(day, list(some)) for day, some in groupby(photos, name)]


def _about_page(found: Page) -> AboutPage:
    return AboutPage(photos=[AboutPhoto(**_fields(each)) for each in found.photos], more=found.more)


async def _about_seen(services: Services, session: Session, photo: str) -> AboutSeen:
    seen, standing = await _seen(services, session, photo), await services.ratings.standing(photo)
    names = await names_of(services)
    results = seen.results
    return AboutSeen(
        **_fields(seen.photo),
        tags=list(seen.tags),
        categories=list(seen.categories),
        newer=seen.newer,
        older=seen.older,
        sender_name=names.get(seen.photo.sender or "", ""),
        frames=list((await services.on_frames.of([photo])).get(photo, ())),
        results=AboutResults(
            points=standing.rating.points,
            margin=2 * standing.rating.deviation,
            won=results.won,
            lost=results.lost,
            equal=results.equal,
            beaten=list(results.beaten),
        ),
    )


def _fields(photo: Photo) -> dict[str, object]:
    return {
        "id": photo.photo,
        "kind": photo.kind,
        "filename": photo.filename,
        "text": photo.text,
        "width": photo.width,
        "height": photo.height,
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "place": photo.place,
        "added_at": photo.added_at,
        "sender": photo.sender,
        "hidden": photo.hidden,
        "pictures": {size: picture_of(photo.photo, size) for size in SIZES},
    }


router.include_router(_pages)
router.include_router(_api)
