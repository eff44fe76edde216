"""The public page of a shared album, and other responses in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from picsync.core.events import ListingProgress
from picsync.core.model import Certainty, Listing, MediaKind, facts
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import GoogleOptions, SharedAlbum, SharingOptions, Unshared
from picsync.emulators.google.sharing.payload import VIDEO
from picsync.emulators.google.sharingoptions import VARIANTS
from picsync.sources.google.links.options import SharedLink
from tests.sources.google.links.shared_albums import BATCH, BYTES, PAGE, SHORT, SharedAlbums, shared_albums


@pytest.fixture
async def world() -> AsyncIterator[SharedAlbums]:
    async with shared_albums() as world:
        yield world


def partial(listing: Listing, *words: str) -> bool:
    """Whether a listing is partial for a reason with these words."""
    assert listing.certainty is Certainty.PARTIAL
    assert listing.problem is not None
    missing = [word for word in words if word not in listing.problem]
    assert missing == [], listing.problem
    return True


# --- a good page ---------------------------------------------------------------------------------------


async def test_an_album_s_items_are_what_the_page_says(world: SharedAlbums) -> None:
    shared, _ = world.album(0)
    google = world.google
    at = datetime(2024, 5, 3, 22, 30, 15, tzinfo=UTC)
    google.add_item(shared.album, "a.jpg", b"\xff\xd8\xff one", created_at=at.timestamp())
    google.add_item(shared.album, "b.mp4", b"\0\0\0\x18ftypmp42 film", mime_type="video/mp4")
    google.add_item(shared.album, "c.jpg", b"\xff\xd8\xff two", details={"motion": True}, description="x")
    listing = await world.listing(shared)
    assert listing.certainty is Certainty.COMPLETE
    photo, video, motion = listing.items
    assert photo.item_id.startswith("AF1Qip")
    assert photo.version
    assert photo.taken_at == at
    assert photo.filename == "2024-05-04 00.30.15", "by the picture's own clock, two hours before UTC"
    assert photo.size_bytes == 7
    assert photo.facts == facts(1080, 1920), "what the page says"
    assert [each.kind for each in (photo, video, motion)] == [
        MediaKind.PHOTO,
        MediaKind.VIDEO,
        MediaKind.PHOTO,
    ]
    assert video.size_bytes is None


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 0), (10, 0), (11, 1), (35, 3)])
async def test_all_pages_are_read(world: SharedAlbums, count: int, calls: int) -> None:
    world.options.page_items = 10
    shared, items = world.album(count)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert len(listing.items) == count
    keys = [world.google.sharing.shares.item_key(shared, item) for item in items]
    assert [item.item_id for item in listing.items] == keys
    assert len(world.requests(PAGE, BATCH)) == calls
    assert len(world.requests()) == 2 + calls


@pytest.mark.parametrize("last", ["", None])
async def test_no_token_in_any_form_is_the_end(world: SharedAlbums, last: str | None) -> None:
    world.options.last_token = last
    world.options.final_empty_page = False
    shared, _ = world.album(3)
    assert (await world.listing(shared)).complete


async def test_an_empty_page_at_the_end_is_the_end(world: SharedAlbums) -> None:
    world.options.page_items, world.options.final_empty_page = 2, True
    shared, _ = world.album(4)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert len(listing.items) == 4


@pytest.mark.parametrize("as_null", [False, True])
async def test_an_empty_album_is_empty_in_either_form(world: SharedAlbums, as_null: bool) -> None:
    world.options.empty_as_null = as_null
    shared, _ = world.album(0)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert listing.items == ()


async def test_items_stay_the_same_while_their_addresses_change(world: SharedAlbums) -> None:
    shared, _ = world.album(3)
    first, second = await world.listing(shared), await world.listing(shared)
    assert first == second
    assert [item.url for item in first.items] != [item.url for item in second.items]


async def test_an_edit_is_another_version_of_the_same_item(world: SharedAlbums) -> None:
    shared, items = world.album(2)
    before = (await world.listing(shared)).items
    world.google.replace_bytes(items[0], b"\xff\xd8\xff edited")
    after = (await world.listing(shared)).items
    assert [item.item_id for item in after] == [item.item_id for item in before]
    assert after[0].version != before[0].version
    assert after[1] == before[1]


async def test_equal_pictures_have_equal_versions_and_ids_of_their_own(world: SharedAlbums) -> None:
    shared, _ = world.album(0)
    for name in ("a.jpg", "b.jpg"):
        world.google.add_item(shared.album, name, b"\xff\xd8\xff same")
    one, other = (await world.listing(shared)).items
    assert one.version == other.version
    assert one.item_id != other.item_id


@pytest.mark.parametrize("key", ["ds:0", "ds:1", "ds:17"])
async def test_the_album_is_found_in_whichever_block_it_is(world: SharedAlbums, key: str) -> None:
    world.options.data_key = key
    shared, _ = world.album(3)
    assert (await world.listing(shared)).complete


TITLES = [
    'Oma\'s "80." </script><script>alert(1)</script>',
    "]}]; AF_initDataCallback({key: 'ds:1', hash: '2', data:[null,[],null,[\"AF1Qip\"]], sideChannel: {}});",
    "\u202e\u0007\x1b[31mred\x00\n\r\u2028 北京 e\u0301 \U0001f4f8",
    "",
    "x" * 100_000,
]


@pytest.mark.parametrize("title", TITLES, ids=range(len(TITLES)))
async def test_a_title_is_only_a_title(world: SharedAlbums, title: str) -> None:
    told: list[str] = []
    shared, _ = world.album(2, title)
    source = world.source(shared.link)
    source._emit = lambda event: told.append(event.album) if isinstance(event, ListingProgress) else None
    listing = await source.list(str(SharedLink.parse(shared.link)))
    assert listing.complete, listing.problem
    assert len(listing.items) == 2
    assert all(each.isprintable() and len(each) <= 300 for each in told)


@pytest.mark.parametrize("language", ["de", "fr", "ja", "xx"])
async def test_the_page_s_language_means_nothing(world: SharedAlbums, language: str) -> None:
    world.options.rewrite = lambda html: html.replace('lang="en"', f'lang="{language}"').replace(
        "Google Photos", "Google フォト"
    )
    shared, _ = world.album(2)
    assert (await world.listing(shared)).complete


async def test_a_block_may_say_that_it_is_no_error(world: SharedAlbums) -> None:
    world.options.rewrite = lambda html: html.replace("hash: '2',", "isError:  false , hash: '2',")
    shared, _ = world.album(2)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem


async def test_photos_may_keep_their_size_to_themselves(world: SharedAlbums) -> None:
    world.options.sizes = False
    shared, _ = world.album(1)
    listing = await world.listing(shared)
    assert listing.complete
    assert listing.items[0].size_bytes is None


# --- who gets in ---------------------------------------------------------------------------------------


async def test_steady_listing_does_not_resolve_the_short_link_again(world: SharedAlbums) -> None:
    shared, _ = world.album(2)
    source = world.source(shared.short_link)
    for _ in range(3):
        assert (await source.list(str(SharedLink.parse(shared.short_link)))).complete
    assert len(world.requests(SHORT)) == 1
    assert len(world.requests(PAGE)) == 3


async def test_no_cookie_of_the_service_s_is_sent_back(world: SharedAlbums) -> None:
    world.options.page_items = 2
    shared, _ = world.album(5)
    assert (await world.listing(shared)).complete
    sent = {record.headers.get("Cookie", "") for record in world.requests()}
    assert sent == {"", "SOCS=CAI"}
    assert {record.headers.get("Cookie", "") for record in world.requests(SHORT)} == {""}


async def test_it_says_who_it_is(world: SharedAlbums) -> None:
    shared, _ = world.album(1)
    assert (await world.listing(shared)).complete
    assert all("picsync" in record.headers["User-Agent"] for record in world.requests())


@pytest.mark.parametrize("unshared", Unshared)
@pytest.mark.parametrize("short", [True, False])
async def test_a_link_that_was_switched_off_is_not_an_empty_album(
    world: SharedAlbums, unshared: Unshared, *, short: bool
) -> None:
    world.options.unshared = unshared
    shared, _ = world.album(3)
    link = shared.short_link if short else shared.link
    source, name = world.source(link), str(SharedLink.parse(link))
    assert (await source.list(name)).complete
    shared.active = False
    listing = await source.list(name)
    assert partial(listing, name, "not shared by link", "press Share")
    assert listing.items == ()
    assert world.retries() == [], "asking again would not help"
    shared.active = True
    assert (await source.list(name)).complete


async def test_a_link_switched_off_between_pages_is_a_partial_listing(world: SharedAlbums) -> None:
    world.options.page_items = 2
    shared, _ = world.album(5)

    def switch_off(page: int) -> None:
        shared.active = page < 1

    world.options.before_page = switch_off
    listing = await world.listing(shared)
    assert partial(listing, "not shared by link")
    assert len(listing.items) == 4


async def test_an_album_that_was_deleted_is_not_an_empty_one(world: SharedAlbums) -> None:
    shared, _ = world.album(3)
    world.google.remove_album(shared.album)
    assert partial(await world.listing(shared), "not shared by link")


@pytest.mark.parametrize("variant", VARIANTS)
async def test_each_page_variant_lists_the_album_or_says_why_not(variant: str) -> None:
    said = {"consent-always": "consent to cookies", "scripts-always": "no data blocks"}.get(variant)
    async with shared_albums(GoogleOptions(sharing=SharingOptions.of([variant]))) as world:
        shared, items = world.album(3)
        listing = await world.listing(shared)
        assert world.requests("consent.google.com") == []
    if said is None:
        assert listing.complete, listing.problem
        assert len(listing.items) == len(items)
    else:
        assert partial(listing, said)
        assert listing.items == ()


async def test_a_page_without_data_is_named(world: SharedAlbums) -> None:
    shared, _ = world.album(3)
    world.options.rewrite = lambda _: "<html><script>nothing here</script></html>"
    assert partial(await world.listing(shared), "no data blocks", "newer picsync")
    assert world.retries() == ["read_album_page"] * 3


async def test_a_short_link_that_shows_a_page_is_named(world: SharedAlbums) -> None:
    shared, _ = world.album(1)
    world.fail(Fault(kind=FaultKind.BODY, host=SHORT, body="<html>Open the app</html>", count=None))
    listing = await world.listing(shared)
    assert partial(
        listing, "expected a redirect, but got a page", "https://photos.google.com/share/<album>?key=<key>"
    )


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://evil.example/share/AF1QipAAAAAAAA?key=AAAAAAAA", "redirected to evil.example"),
        ("https://photos.google.com.evil.example/share/AF1QipAAAAAA?key=A", "photos.google.com.evil.example"),
        ("http://photos.google.com/share/AF1QipAAAAAAAA?key=AAAAAAAA", "a URL that picsync does not follow"),
        (
            "https://me:pw@photos.google.com/share/AF1QipAAAAAAAA?key=AAAA",
            "a URL that picsync does not follow",
        ),
        (
            "https://photos.google.com:8443/share/AF1QipAAAAAAAA?key=AAAA",
            "a URL that picsync does not follow",
        ),
        ("http://127.0.0.1/share/AF1QipAAAAAAAA?key=AAAAAAAA", "a URL that picsync does not follow"),
        ("https://www.google.com/sorry/index", "unusual traffic"),
        ("https://consent.google.com/ml", "consent to cookies"),
        ("https://accounts.google.com/signin", "not shared by link"),
        ("https://photos.google.com/album/AF1QipAAAAAAAA", "not shared by link"),
        ("//\\", "a URL that picsync does not follow"),
    ],
)
async def test_a_short_link_leads_to_an_album_or_nowhere(
    world: SharedAlbums, location: str, words: str
) -> None:
    shared, _ = world.album(1)
    world.fail(Fault(kind=FaultKind.REDIRECT, host=SHORT, location=location, count=None))
    listing = await world.listing(shared)
    assert partial(listing, words)
    assert len(world.requests()) == 1


async def test_too_many_requests_are_waited_out(world: SharedAlbums) -> None:
    world.options.page_items = 2
    world.google.options.now = lambda: world.now + 60 * len(world.waits)
    world.options.requests_per_minute = 2
    shared, _ = world.album(7)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert world.waits == [30.0] * 2


async def test_a_429_that_stays_is_a_partial_listing(world: SharedAlbums) -> None:
    shared, _ = world.album(3)
    world.options.requests_per_minute = 1
    world.google.options.now = lambda: 0.0
    assert partial(await world.listing(shared), "answered 429")


# --- what must not be taken for an album's end -----------------------------------------------------------


async def test_a_token_that_comes_twice_is_no_end(world: SharedAlbums) -> None:
    world.options.page_items, world.options.stuck_token_from = 2, 1
    shared, _ = world.album(9)
    listing = await world.listing(shared)
    assert partial(listing, "pages do not end")
    assert len(listing.items) == 4
    assert len(world.requests(PAGE)) < 5


@pytest.mark.parametrize("offset", [-1, 1, 100])
@pytest.mark.parametrize("count", [0, 5])
async def test_a_count_that_does_not_fit_is_a_partial_listing(
    world: SharedAlbums, count: int, offset: int
) -> None:
    world.options.count_offset = offset
    shared, _ = world.album(count)
    listing = await world.listing(shared)
    if count + offset < 0:
        assert partial(listing, "`data[3][21]`")
        return
    assert partial(listing, f"claims {count + offset} items, but shows {count}")
    assert len(listing.items) == count


async def test_a_count_that_is_gone_is_a_partial_listing(world: SharedAlbums) -> None:
    world.options.count = False
    shared, _ = world.album(2)
    listing = await world.listing(shared)
    assert partial(listing, "no longer contains the album's item count")
    assert len(listing.items) == 2


async def test_a_further_page_that_fails_makes_the_listing_partial(world: SharedAlbums) -> None:
    world.options.page_items = 2
    shared, _ = world.album(5)
    world.fail(Fault(kind=FaultKind.STATUS, status=500, path=BATCH, count=None, skip=1))
    listing = await world.listing(shared)
    assert partial(listing, "read further page", "500")
    assert len(listing.items) == 4


def changing(shared: SharedAlbum, change: Callable[[], object]) -> Callable[[int], None]:
    def before(page: int) -> None:
        if page == 1:
            change()

    return before


async def test_album_changing_between_pages_is_a_partial_listing(world: SharedAlbums) -> None:
    world.options.page_items = 3
    shared, _ = world.album(8)
    album = shared.album
    world.options.before_page = changing(shared, lambda: world.google.remove_item(album.items[0], album))
    listing = await world.listing(shared)
    assert partial(listing, "changed while its pages were read")
    world.options.before_page = changing(shared, lambda: world.add(album, 99))
    assert partial(await world.listing(shared), "changed while its pages were read")
    world.options.before_page = None
    assert (await world.listing(shared)).complete


# --- a page in another shape ----------------------------------------------------------------------------


def put(*path_and_value: Any) -> Callable[[Any, int], Any]:
    """Replace what stands at a path of a page's data."""
    *path, last, value = path_and_value

    def reshape(data: Any, page: int) -> Any:
        del page
        place = data
        for step in path:
            place = place[step]
        place[last] = value
        return data

    return reshape


SHAPES: list[tuple[Callable[[Any, int], Any], str]] = [
    (put(1, {}), "`data[1]` should be the list of items, but is a group"),
    (put(1, "x"), "`data[1]`"),
    (put(2, 7), "`data[2]` should be the token of the next page, but is a number"),
    (put(2, ["token"]), "`data[2]`"),
    (put(2, "to\nken"), "`data[2]`"),
    (put(3, None), "none of its data blocks describes the album"),
    (put(3, 0, "AF1QipAnotherAlbum"), "has items, but not this album's key at `data[3][0]`"),
    (put(3, 1, ["title"]), "`data[3][1]` should be the album's title, but is a list of 1"),
    (put(3, 21, "3"), "`data[3][21]` should be the number of items, but is a text"),
    (put(3, 21, True), "`data[3][21]`"),
    (put(3, 21, 3.5), "`data[3][21]`"),
    (lambda data, _: {"items": data}, "none of its data blocks describes the album"),
    (lambda data, _: [data], "none of its data blocks describes the album"),
    (lambda data, _: data[:3], "none of its data blocks describes the album"),
    (lambda data, _: [data[0], None, None, data[3], data[1]], "no longer at `data[1]`, but elsewhere"),
    (lambda data, _: [data[0], [], "", data[3], {"items": data[1]}], "no longer at `data[1]`"),
    (lambda data, _: [data[0], None, None, data[3][:10]], "`data[3][19]` should be the key of the link"),
]


@pytest.mark.parametrize(("reshape", "words"), SHAPES)
async def test_a_page_in_another_shape_is_not_guessed_at(
    world: SharedAlbums, reshape: Callable[[Any, int], Any], words: str
) -> None:
    world.options.reshape = reshape
    shared, _ = world.album(3)
    listing = await world.listing(shared)
    assert partial(listing, words, "newer picsync")
    assert listing.items == ()


@pytest.mark.parametrize(("reshape", "words"), SHAPES[:3])
async def test_a_further_page_in_another_shape_is_not_guessed_at(
    world: SharedAlbums, reshape: Callable[[Any, int], Any], words: str
) -> None:
    world.options.page_items = 2
    world.options.reshape = lambda data, page: reshape(data, page) if page else data
    shared, _ = world.album(3)
    listing = await world.listing(shared)
    assert partial(listing, words)
    assert len(listing.items) == 2


ITEMS: list[tuple[Callable[[Any, int], Any], str]] = [
    (put(1, 1, 0, "XYZ"), "`data[1][1][0]` should be the item's key, but is a text"),
    (put(1, 1, 0, 5), "`data[1][1][0]`"),
    (put(1, 1, 1, None), "`data[1][1][1]` should be a list about the picture, but is nothing"),
    (put(1, 1, 1, 0, "https://evil.example/pw/x"), "`data[1][1][1][0]` should be an address at google"),
    (put(1, 1, 1, 0, "https://lh3.googleusercontent.com/pw/x=w100"), "`data[1][1][1][0]`"),
    (put(1, 1, 1, 0, "file:///etc/passwd"), "`data[1][1][1][0]`"),
    (put(1, 1, 1, 1, "4032"), "`data[1][1][1][1]` should be a number of pixels, but is a text"),
    (put(1, 1, 1, 2, -1), "`data[1][1][1][2]`"),
    (put(1, 1, 3, None), "`data[1][1][3]` should be the key of the content, but is nothing"),
    (put(1, 1, 3, ""), "`data[1][1][3]`"),
    (
        put(1, 1, 9, [1]),
        "`data[1][1][9]` should be the fields that distinguish photos from videos, but is a list of 1",
    ),
    (put(1, 1, None), "`data[1][1]` should be a list about an item, but is nothing"),
    (put(1, 1, ["AF1QipAAAAAA", ["https://x/"]]), "`data[1][1]`"),
]


@pytest.mark.parametrize(("reshape", "words"), ITEMS)
async def test_an_item_in_another_shape_is_left_out_and_named(
    world: SharedAlbums, reshape: Callable[[Any, int], Any], words: str
) -> None:
    world.options.reshape = reshape
    shared, _ = world.album(3)
    listing = await world.listing(shared)
    assert partial(listing, "1 of 3 items are not understood", words)
    assert len(listing.items) == 2
    assert "evil.example" not in str(listing.problem)


async def test_what_is_not_needed_may_be_missing(world: SharedAlbums) -> None:
    def reshape(data: Any, _: int) -> Any:
        for item in data[1]:
            item[2], item[4], item[1][8], item[1][9], item[6] = None, "x", None, ["x"], 7
        return data

    world.options.reshape = reshape
    shared, _ = world.album(2)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert [(item.taken_at, item.filename, item.size_bytes) for item in listing.items] == [
        (None, "", None)
    ] * 2


@pytest.mark.parametrize("taken", [10**17, -(10**17), 10**400, 1.5, True])
async def test_a_date_that_is_none_is_no_trouble(world: SharedAlbums, taken: object) -> None:
    world.options.reshape = put(1, 0, 2, taken)
    shared, _ = world.album(1)
    listing = await world.listing(shared)
    assert listing.complete, listing.problem
    assert listing.items[0].taken_at is None


async def test_two_blocks_with_items_are_one_too_many(world: SharedAlbums) -> None:
    shared, _ = world.album(2)

    def doubled(html: str) -> str:
        begin = html.index('<script class="ds:1"')
        end = html.index("</script>", begin) + len("</script>")
        return html.replace("</body>", html[begin:end].replace("ds:1", "ds:9") + "</body>")

    world.options.rewrite = doubled
    assert partial(await world.listing(shared), "several of its data blocks contain items")


async def test_description_block_without_items_is_ignored(world: SharedAlbums) -> None:
    shared, _ = world.album(2)
    more = (
        "<script>AF_initDataCallback({key: 'ds:8', isError:  false , hash: '7', data:"
        f'[null,null,null,["{shared.album_key}","Trip"]], sideChannel: {{}}}});</script></body>'
    )
    world.options.rewrite = lambda html: html.replace("</body>", more)
    assert (await world.listing(shared)).complete


CUTS = [
    (lambda html: html.replace("data:[null,", "data:function(){return [null,"), "not at the expected place"),
    (lambda html: html.replace(", sideChannel", "; sideChannel"), "goes on after the JSON"),
    (lambda html: html.replace("data:[null,", "data:[NaN,"), "NaN is not JSON"),
    (lambda html: html.replace("data:[null,", "data:[" + "[" * 100_000), "nested too deep"),
    (lambda html: html.replace("data:[null,", "data:[" + "9" * 5000 + ","), "a number too large"),
    (lambda html: html[: len(html) // 2], "it is not JSON"),
    (lambda html: html.replace("AF_initDataCallback", "AF_initCallback"), "no data blocks"),
]  # fmt: skip


@pytest.mark.parametrize(("rewrite", "words"), CUTS, ids=[words for _, words in CUTS])
async def test_a_page_written_otherwise_is_named(
    world: SharedAlbums, rewrite: Callable[[str], str], words: str
) -> None:
    world.options.rewrite = rewrite
    shared, _ = world.album(8)
    assert partial(await world.listing(shared), words)


async def test_a_page_of_unreasonable_size_is_not_taken_in(world: SharedAlbums) -> None:
    shared, _ = world.album(1)
    world.options.rewrite = lambda html: html + " " * (17 * 2**20)
    assert partial(await world.listing(shared), "16 MiB")


ANSWERS = [
    ("<html>Sorry</html>", "does not begin with"),
    (")]}'", "expected one result, but got 0"),
    (")]}'\n\n[1,2]", "expected one result, but got 0"),
    (")]}'\n\n7", "something other than lists"),
    (")]}'\n\n10\n{}", "something other than lists"),
    (')]}\'\n\n[["wrb.fr","snAcKc",null,null,null,[5],"generic"]]', "not shared by link"),
    (')]}\'\n\n[["wrb.fr","snAcKc",null,null,null,[3],"generic"]]', "Google refuses the request (error 3)"),
    (')]}\'\n\n[["wrb.fr","snAcKc",null,null,null,null,"generic"]]', "neither data nor an error"),
    (')]}\'\n\n[["wrb.fr","snAcKc"]]', "neither data nor an error"),
    (')]}\'\n\n[["wrb.fr","snAcKc","[]"]]', "`data` should be a list with items"),
    (')]}\'\n\n[["wrb.fr","snAcKc","null"]]', "`data` should be a list with items"),
    (')]}\'\n\n[["wrb.fr","snAcKc","[1] [2]"]]', "goes on after the JSON"),
    (')]}\'\n\n[["wrb.fr","snAcKc","x"],["wrb.fr","snAcKc","x"]]', "expected one result, but got 2"),
    (')]}\'\n\n[["wrb.fr","other","[]"]]', "expected one result, but got 0"),
    (")]}'\n\n5\n[[1]", "is not JSON"),
]


@pytest.mark.parametrize(("body", "words"), ANSWERS)
async def test_an_answer_of_the_call_that_is_not_as_it_was_is_named(
    world: SharedAlbums, body: str, words: str
) -> None:
    world.options.page_items = 2
    shared, _ = world.album(3)
    world.fail(Fault(kind=FaultKind.BODY, path=BATCH, body=body, count=None))
    listing = await world.listing(shared)
    assert partial(listing, words)
    assert len(listing.items) == 2


async def test_an_unknown_album_id_is_no_album(world: SharedAlbums) -> None:
    assert partial(await world.source().list("photos.app.goo.gl/none"), "not among the links")
    assert world.requests() == []


async def test_a_video_is_a_video_by_its_mark_alone(world: SharedAlbums) -> None:
    world.options.reshape = put(1, 0, 9, {VIDEO: None})
    shared, _ = world.album(1)
    [item] = (await world.listing(shared)).items
    assert item.kind is MediaKind.VIDEO


async def test_nothing_told_gets_anybody_in(world: SharedAlbums) -> None:
    shared, _ = world.album(3)
    told = [repr(await world.listing(shared))]
    world.options.page_items = 2
    for fault in (
        Fault(kind=FaultKind.STATUS, status=503, path=BATCH, body=f"secret {shared.auth_key}", count=None),
        Fault(kind=FaultKind.STATUS, status=403, host=PAGE, body=shared.auth_key, count=None),
        Fault(kind=FaultKind.BODY, host=PAGE, body=f"<html>{shared.link}", count=None),
        Fault(
            kind=FaultKind.REDIRECT, host=PAGE, location=f"https://evil.example/{shared.auth_key}", count=None
        ),
        Fault(kind=FaultKind.REDIRECT, host=SHORT, location=shared.link + "/x", count=None),
    ):
        world.server.faults.clear()
        world.fail(fault)
        told.append(repr(await world.listing(shared)))
    told.append(repr(world.events))
    for secret in (shared.auth_key, shared.code, shared.code[5:], f"{BYTES}/pw"):
        assert secret not in "".join(told)
