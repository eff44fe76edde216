"""The calls for people and tags."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from picsync.emulators.immich import media
from picsync.emulators.immich.access import Calls
from picsync.emulators.immich.errors import ImmichError, invalid, json_answer, no_access
from picsync.emulators.immich.library import Person
from picsync.emulators.immich.resources import person_json, tag_json
from picsync.emulators.service import Handler, params

_LARGEST_PEOPLE_PAGE = 1000


class Labels(Calls):
    """The calls below `/people` and `/tags`."""

    def calls(self) -> Sequence[tuple[str, str, Handler]]:
        """Return verb, path below `/api` and handler of each."""
        return (
            ("GET", "/search/person", self._search_person),
            ("GET", "/people", self._people),
            ("GET", "/people/{id}", self._person),
            ("GET", "/people/{id}/statistics", self._person_statistics),
            ("GET", "/people/{id}/thumbnail", self._person_thumbnail),
            ("GET", "/tags", self._tags),
            ("GET", "/tags/{id}", self._tag),
        )

    async def _people(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "person.read")
        size, page = int(request.query.get("size", "500")), int(request.query.get("page", "1"))
        if not 1 <= size <= _LARGEST_PEOPLE_PAGE:
            raise invalid(["size"], f"Too big: expected number to be <={_LARGEST_PEOPLE_PAGE}", "too_big")
        size = min(size, self._options.page_cap or size)
        hidden = media.flag(request, "withHidden")
        people = [person for person in self._library.people.values() if hidden or not person.hidden]
        shown = people[(page - 1) * size : page * size]
        return json_answer(
            {
                "people": [person_json(person, self._options) for person in shown],
                "total": len(self._library.people),
                "hidden": sum(person.hidden for person in self._library.people.values()),
                "hasNextPage": page * size < len(people),
            }
        )

    async def _person(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "person.read")
        return json_answer(person_json(self._named_person(request), self._options))

    def _named_person(self, request: web.Request) -> Person:
        person = self._library.people.get(params(request)["id"])
        if person is None:
            raise no_access("person.read")
        return person

    async def _tags(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "tag.read")
        return json_answer([tag_json(tag) for tag in self._library.tags.values()])

    async def _tag(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "tag.read")
        tag = self._library.tags.get(params(request)["id"])
        if tag is None:
            raise no_access("tag.read")
        return json_answer(tag_json(tag))

    async def _person_statistics(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "person.statistics")
        person_id = self._named_person(request).person_id
        seen = self._library.visible(visitor.user)
        shown = [each for each in seen if person_id in each.people and not each.trashed]
        return json_answer({"assets": len([each for each in shown if each.visibility == "timeline"])})

    async def _search_person(self, request: web.Request) -> web.StreamResponse:
        self._access.visitor(request, "person.read")
        name = request.query.get("name", "").lower()
        hidden = media.flag(request, "withHidden")
        people = self._library.people.values()
        found = [each for each in people if name in each.name.lower() and (hidden or not each.hidden)]
        return json_answer([person_json(each, self._options) for each in found])

    async def _person_thumbnail(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "person.read")
        person_id = self._named_person(request).person_id
        for asset in self._library.visible(visitor.user):
            if person_id in asset.people and not asset.trashed and self._options.now() >= asset.ready_at:
                return await media.send(request, await media.face(asset))
        raise ImmichError(404, "Not Found")
