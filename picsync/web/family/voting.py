"""Routes for choosing photos two at a time, and for the leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from picsync.family.bracket import Answer, NotDealtError
from picsync.family.ratings import PAGE, Leaderboard, Since
from picsync.family.sittings import Kind, NotEnoughPhotosError, NoTournamentError, Side, Sitting
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Administrator, Member, Viewer
from picsync.web.family.pages import page
from picsync.web.family.services import Served, Services

router = APIRouter()
_pages = APIRouter(include_in_schema=False)
_api = APIRouter(prefix="/api", tags=["voting"])

MAX_CATEGORY = 200
"""Characters of a category's name."""


class Do(StrEnum):
    """What a form of the voting page asks for."""

    START = "start"
    ANSWER = "answer"
    UNDO = "undo"
    STOP = "stop"


class ToStart(BaseModel):
    """Where to begin, or to continue."""

    category: str = Field(max_length=MAX_CATEGORY)


class ToAnswer(BaseModel):
    """An answer to the pair that was dealt."""

    choice: int = Field(ge=0, le=14)
    left: str = Field(max_length=20)
    right: str = Field(max_length=20)
    answer: Answer


class AboutSide(BaseModel):
    """A photo of a pair."""

    id: str
    text: str
    width: int | None
    height: int | None
    picture: str
    points: float
    margin: float = Field(description="The truth is within this many points about 95 times of 100.")
    win: float = Field(description="By how many points winning this pair alone would change the rating.")
    loss: float


class AboutPair(BaseModel):
    """What is to be judged now."""

    choice: int
    round: int
    left: AboutSide
    right: AboutSide


class AboutSitting(BaseModel):
    """A tournament."""

    id: str
    category: str
    kind: Kind
    choices: int
    done: int
    finished: bool
    can_undo: bool
    pair: AboutPair | None
    champion: str | None


class AboutPlace(BaseModel):
    """A line of a leaderboard."""

    rank: int
    id: str
    text: str
    sender: str | None = Field(description="ID of the person who sent it.")
    sender_name: str
    points: float
    margin: float
    games: int
    win: float = Field(description="By how many points winning against one as good would change the rating.")
    loss: float
    frames: list[str] = Field(description="Names of the frames that show it now.")


class AboutLeaderboard(BaseModel):
    """The best photos of a category."""

    category: str
    since: Since
    judged: int
    games: int
    places: list[AboutPlace]


# --- pages ------------------------------------------------------------------------------------------------


@_pages.get("/vote")
async def choose(request: Request, session: Viewer, services: Served) -> Response:
    """Show the categories; if there is one only, go there."""
    categories = await services.voting.categories()
    if len(categories) == 1:
        return RedirectResponse(f"/vote/{quote(next(iter(categories)))}", 303)
    return page(request, "categories.html", session, categories=categories, base="/vote/")


@_pages.get("/vote/{category:path}")
async def vote(
    request: Request,
    category: str,
    session: Viewer,
    services: Served,
    judged: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show the pair to be judged, or how to begin; `judged` if that comes after an answer to another one."""
    count = await _count(services, category)
    sitting = await services.voting.unfinished(session.person.person, category)
    if sitting is None or sitting.finished:
        return page(request, "begin.html", session, category=category, count=count, judged=judged)
    heading = _heading(sitting)
    return page(
        request, "vote.html", session, category=category, sitting=sitting, heading=heading, judged=judged
    )


@_pages.post("/vote/{category:path}")
async def carry_out(
    category: str,
    session: Member,
    services: Served,
    do: Annotated[Do, Form()],
    tournament: Annotated[str, Form(max_length=40)] = "",
    choice: Annotated[int, Form(ge=0, le=14)] = 0,
    left: Annotated[str, Form(max_length=20)] = "",
    right: Annotated[str, Form(max_length=20)] = "",
    answer: Annotated[Answer, Form()] = Answer.SKIP,
) -> Response:
    """Begin, answer, undo or stop, and show what follows."""
    voting, person = services.voting, session.person.person
    here = RedirectResponse(f"/vote/{quote(category)}", 303)
    try:
        if do is Do.START:
            await _count(services, category)
            await voting.sit_down(person, category)
        elif do is Do.UNDO:
            await voting.undo(person, tournament)
        elif do is Do.STOP:
            await voting.stop(person, tournament)
            return RedirectResponse(f"/best/{quote(category)}", 303)
        else:
            sitting = await voting.answer(person, tournament, choice, left, right, answer)
            if sitting.finished:
                return RedirectResponse(f"/champion/{tournament}", 303)
    except NotEnoughPhotosError as error:
        raise _too_few(error) from error
    except (NotDealtError, NoTournamentError):
        # It was judged before, perhaps on another device: the page says so, and shows what comes now.
        return RedirectResponse(f"/vote/{quote(category)}?judged=before", 303)
    return here


@_pages.get("/champion/{tournament}")
async def champion(request: Request, tournament: str, session: Viewer, services: Served) -> Response:
    """Show who has won."""
    try:
        sitting = await services.voting.sitting(session.person.person, tournament)
    except NoTournamentError:
        raise Refusal(404, "There is no such tournament.") from None
    if sitting.champion is None:
        return RedirectResponse(f"/vote/{quote(sitting.category)}", 303)
    standing = await services.ratings.standing(sitting.champion.photo)
    return page(request, "champion.html", session, sitting=sitting, standing=standing)


@_pages.get("/best")
async def boards(request: Request, session: Viewer, services: Served) -> Response:
    """Show the categories; if there is one only, go there."""
    categories = await services.voting.categories()
    if len(categories) == 1:
        return RedirectResponse(f"/best/{quote(next(iter(categories)))}", 303)
    return page(request, "categories.html", session, categories=categories, base="/best/")


@_pages.get("/best/{category:path}")
async def best(
    request: Request,
    category: str,
    session: Viewer,
    services: Served,
    since: Since = Since.EVER,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Show a leaderboard."""
    await _count(services, category)
    board = await services.ratings.leaderboard(category, since, offset=offset)
    names = await names_of(services)
    frames = await services.on_frames.of(place.photo.photo for place in board.places)
    return page(
        request,
        "best.html",
        session,
        board=board,
        names=names,
        frames=frames,
        offset=offset,
        step=PAGE,
        spans=list(Since),
    )


# --- API --------------------------------------------------------------------------------------------------


@_api.get("/categories")
async def categories(_session: Viewer, services: Served) -> dict[str, int]:
    """List the categories, with the number of photos that can be judged."""
    return dict(await services.voting.categories())


@_api.post("/tournaments")
async def start(what: ToStart, session: Member, services: Served) -> AboutSitting:
    """Continue your tournament in a category, or begin one."""
    await _count(services, what.category)
    try:
        return _about(await services.voting.sit_down(session.person.person, what.category))
    except NotEnoughPhotosError as error:
        raise _too_few(error) from error


@_api.get("/tournaments/{tournament}")
async def sitting(tournament: str, session: Viewer, services: Served) -> AboutSitting:
    """Show one of your tournaments."""
    return _about(await _known(services.voting.sitting(session.person.person, tournament)))


@_api.post("/tournaments/{tournament}/answers")
async def answer(tournament: str, what: ToAnswer, session: Member, services: Served) -> AboutSitting:
    """Answer the pair that was dealt; return what comes next."""
    try:
        return _about(
            await services.voting.answer(
                session.person.person, tournament, what.choice, what.left, what.right, what.answer
            )
        )
    except NotDealtError:
        raise Refusal(
            409, "This pair is not to be judged now.", "It was judged already, perhaps on another device."
        ) from None
    except NoTournamentError:
        raise _no_tournament() from None


@_api.post("/tournaments/{tournament}/undo")
async def undo(tournament: str, session: Member, services: Served) -> AboutSitting:
    """Take your last answer back."""
    return _about(await _known(services.voting.undo(session.person.person, tournament)))


@_api.post("/tournaments/{tournament}/stop", status_code=204)
async def stop(tournament: str, session: Member, services: Served) -> None:
    """End your tournament early; what you have answered counts."""
    await _known(services.voting.stop(session.person.person, tournament))


@_api.delete("/tournaments/{tournament}/answers", status_code=204)
async def undo_all(tournament: str, session: Administrator, services: Served) -> None:
    """Take all answers of somebody's tournament back."""
    await _known(services.voting.undo_tournament(tournament, by=session.person.person))


@_api.get("/best/{category:path}")
async def leaderboard(
    category: str,
    _session: Viewer,
    services: Served,
    since: Since = Since.EVER,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> AboutLeaderboard:
    """List the best photos of a category."""
    await _count(services, category)
    board = await services.ratings.leaderboard(category, since, offset=offset)
    frames = await services.on_frames.of(place.photo.photo for place in board.places)
    return _about_board(board, frames, await names_of(services))


# --- words and shapes -------------------------------------------------------------------------------------


async def _count(services: Served, category: str) -> int:
    found = (await services.voting.categories()).get(category)
    if found is None:
        raise Refusal(404, "There is no such category.", "It appears once it has photos.")
    return found


async def names_of(services: Services) -> dict[str, str]:
    """Return the names of the people, by ID."""
    return {each.person: each.name for each in await services.people.people()}


async def _known(work: Any) -> Any:
    try:
        return await work
    except NoTournamentError:
        raise _no_tournament() from None


def _no_tournament() -> Refusal:
    return Refusal(404, "There is no such tournament, or it has ended.")


def _too_few(error: NotEnoughPhotosError) -> Refusal:
    if error.photos < 2:
        return Refusal(409, "There are not enough photos to choose from yet.", "It takes two.")
    return Refusal(
        409,
        "You have judged all of these photos lately.",
        "Come back when there are new ones, or in a while.",
    )


def _heading(sitting: Sitting) -> str:
    if sitting.kind is Kind.ALIKE:
        return "Which of these two?"
    if sitting.pair is not None and sitting.pair.round == sitting.rounds:
        return "The final"
    return "Which one do you like better?"


def picture_of(photo: str, size: int) -> str:
    """Return the path of a photo's small version."""
    return f"/pictures/{photo}/{size}.jpg"


def _about(sitting: Sitting) -> AboutSitting:
    pair = None
    if sitting.pair is not None and sitting.left is not None and sitting.right is not None:
        pair = AboutPair(
            choice=sitting.pair.number,
            round=sitting.pair.round,
            left=_about_side(sitting.left),
            right=_about_side(sitting.right),
        )
    return AboutSitting(
        id=sitting.tournament,
        category=sitting.category,
        kind=sitting.kind,
        choices=sitting.choices,
        done=sitting.done,
        finished=sitting.finished,
        can_undo=sitting.can_undo,
        pair=pair,
        champion=sitting.champion.photo if sitting.champion else None,
    )


def _about_side(side: Side) -> AboutSide:
    photo, rating = side.photo, side.standing.rating
    return AboutSide(
        id=photo.photo,
        text=photo.text,
        width=photo.width,
        height=photo.height,
        picture=picture_of(photo.photo, 960),
        points=rating.points,
        margin=2 * rating.deviation,
        win=side.win,
        loss=side.loss,
    )


def _about_board(
    board: Leaderboard, frames: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> AboutLeaderboard:
    return AboutLeaderboard(
        category=board.category,
        since=board.since,
        judged=board.judged,
        games=board.games,
        places=[
            AboutPlace(
                rank=each.rank,
                id=each.photo.photo,
                text=each.photo.text,
                sender=each.photo.sender,
                sender_name=names.get(each.photo.sender or "", ""),
                points=each.standing.rating.points,
                margin=2 * each.standing.rating.deviation,
                games=each.standing.games,
                win=each.win,
                loss=each.loss,
                frames=list(frames.get(each.photo.photo, ())),
            )
            for each in board.places
        ],
    )


# Routes are tried in order; answers are what comes most.
router.include_router(_api)
router.include_router(_pages)
