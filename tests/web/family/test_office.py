"""The administrators' pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from picsync.family.bracket import Answer
from picsync.family.people import Role
from tests.web.family.sample import add_sample, sample
from tests.web.family.served import serve

PAGES = ("", "/hidden", "/uploads", "/tournaments", "/shares", "/log")
LISTS = ("hidden", "tournaments", "failed-uploads", "log", "storage", "people")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
async def test_others_do_not_get_in(tmp_path: Path, role: Role) -> None:
    async with serve(tmp_path) as pages:
        await pages.signed_in("Anna")
        ben = await pages.signed_in("Ben", role)
        for page in PAGES:
            assert (await ben.get(f"/admin{page}")).status_code == 403
        for name in LISTS:
            assert (await ben.get(f"/api/{name}")).status_code == 403
        assert "/admin" not in (await ben.get("/you")).text


async def test_people_are_invited_changed_and_removed(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, await pages.signed_in("Anna", Role.ADMINISTRATOR) as anna:
        text = (await anna.post("/admin/invite", name="Ben <b>", role="viewer")).text
        assert "Ben &lt;b&gt;" in text
        link = text.split('<code class="secret">')[1].split("<")[0]
        async with pages.browser() as phone:
            await phone.client.post(link, headers={"Origin": pages.url})
            ben = (await phone.get("/api/me")).json()
            assert ben["role"] == "viewer"
            assert (await anna.post("/admin/role", person=ben["id"], role="member")).status_code == 303
            assert (await phone.get("/api/me")).json()["role"] == "member"
            [device] = (await phone.get("/api/me/devices")).json()
            [listed] = (await anna.get(f"/api/people/{ben['id']}/devices")).json()
            assert listed == {**device, "current": False}
            assert (await phone.get(f"/api/people/{ben['id']}/devices")).status_code == 403
            await anna.post("/admin/sign-out", person=ben["id"], device=device["id"])
            assert (await phone.get("/api/me")).status_code == 401
        own = (await anna.get("/api/me")).json()["id"]
        assert "only administrator" in (await anna.post("/admin/role", person=own, role="viewer")).text
        assert "only administrator" in (await anna.post("/admin/remove", person=own)).text
        assert (await anna.post("/admin/remove", person=ben["id"])).status_code == 303
        assert [each["name"] for each in (await anna.get("/api/people")).json()] == ["Anna"]
        assert "no letter" in (await anna.post("/admin/invite", name="  ")).text
        # Who was removed is still called by name in the log.
        assert "Ben &lt;b&gt;" in (await anna.get("/admin/log")).text


async def test_what_others_did_is_seen_and_taken_back(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        anna, ben = await pages.signed_in("Anna", Role.ADMINISTRATOR), await pages.signed_in("Ben")
        photos = await add_sample(pages.services.state, [sample(n) for n in range(4)])
        await ben.post(f"/photo/{photos[0]}/hide")
        await pages.services.photos.hide("0" * 32, by=None, frame="Grandma")
        me = (await ben.get("/api/me")).json()["id"]
        sitting = await pages.services.voting.sit_down(me, "Family")
        pair = sitting.pair
        assert pair is not None
        await pages.services.voting.answer(me, sitting.tournament, 0, pair.left, pair.right, Answer.LEFT)
        await ben.post(f"/photo/{photos[1]}/share")
        hidden = (await anna.get("/admin/hidden")).text
        assert photos[0] in hidden
        assert "Grandma" in hidden
        assert (await anna.post("/admin/restore", photo="0" * 32)).status_code == 303
        assert len((await anna.get("/api/hidden")).json()) == 1
        assert "1 game<" in (await anna.get("/admin/tournaments")).text
        assert (await anna.post("/admin/undo", tournament=sitting.tournament)).status_code == 303
        [played] = (await anna.get("/api/tournaments")).json()
        assert played["undone"]
        assert (await pages.services.ratings.standing(pair.left)).games == 0
        [share] = await pages.services.shares.valid()
        assert "by <bdi>Ben</bdi>" in (await anna.get("/admin/shares")).text
        back = await anna.post(f"/shares/{share.share}/revoke", back="admin")
        assert back.headers["location"] == "/admin/shares"
        acts = [each["act"] for each in (await anna.get("/api/log")).json()]
        assert {"hid", "restored", "shared", "unshared", "undid", "invited"} <= set(acts)
        for page in PAGES:
            assert (await anna.get(f"/admin{page}?offset=50")).status_code == 200
        stored = (await anna.get("/api/storage")).json()
        assert stored["photos"] == 4
        assert stored["database_bytes"] > 0
