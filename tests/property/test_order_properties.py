"""The order of photos whose files have names: what is asked for, what is remembered, and who is renamed."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from picsync.core.model import Digest
from picsync.frames.dropbox.manifest import Own
from picsync.frames.folder.names import number_of, numbered
from picsync.frames.folder.options import Level
from picsync.frames.folder.order import renumbered, sorted_names, to_remember, wanted_names

DIGESTS = tuple(Digest.md5(f"{number:032x}") for number in range(12))
NUMBERS = st.one_of(st.none(), st.integers(0, 30), st.integers(0, 10**8 - 1))
ALBUMS = st.frozensets(st.sampled_from(["A", "B", "C"]), min_size=1)


@st.composite
def folders(draw: st.DrawFn) -> Mapping[str, Own]:
    """Return files with and without numbers; some show the same photo."""
    files = {}
    for at in range(draw(st.integers(0, 10))):
        number, name = draw(NUMBERS), f"p{at}-abc.jpg"
        name = name if number is None else numbered(Level.SAFE, number, name)
        digest = draw(st.sampled_from(DIGESTS))
        files[name] = Own(digest, digest.hex, albums=draw(ALBUMS))
    return files


@given(folders(), st.lists(st.sampled_from(DIGESTS), unique=True))
def test_what_was_asked_for_comes_first(files: Mapping[str, Own], order: list[Digest]) -> None:
    found = sorted_names(files, order)
    assert sorted(found) == sorted(files)
    known = [name for name in found if files[name].digest in order]
    assert found[: len(known)] == known
    assert [order.index(files[name].digest) for name in known] == sorted(
        order.index(files[name].digest) for name in known
    )
    assert found[len(known) :] == sorted(files.keys() - set(known))


@given(folders(), st.data())
def test_the_files_of_an_album_that_exist_are_wanted_once(
    files: Mapping[str, Own], data: st.DataObject
) -> None:
    names = [*sorted(files), "unknown.jpg"]
    asked = data.draw(st.lists(st.sampled_from(names)))
    there = data.draw(st.sets(st.sampled_from(names)))
    found = wanted_names(files, there, "A", asked)
    first = [name for name in dict.fromkeys(asked) if name in files and name in there]
    assert found[: len(first)] == first
    rest = {name for name, own in files.items() if "A" in own.albums and name in there} - set(first)
    assert found[len(first) :] == sorted(rest)


@given(folders(), st.data())
def test_names_ascend_and_no_name_of_another_file_is_taken(
    files: Mapping[str, Own], data: st.DataObject
) -> None:
    names = data.draw(st.permutations(sorted(files)))
    names = names[: data.draw(st.integers(0, len(names)))]
    taken = {number for name in files if (number := number_of(name)) is not None}
    likely = renumbered(Level.SAFE, names, ())
    assert likely is not None
    # Other files, too, have numbers: just those that would be taken without them.
    taken |= data.draw(st.sets(st.sampled_from([place.number for place in likely]))) if likely else set()
    places = renumbered(Level.SAFE, names, taken)
    assert places is not None
    assert [place.old for place in places] == names
    new = [place.new for place in places]
    assert new == sorted(set(new))
    for place in places:
        assert number_of(place.new) == place.number
        assert place.new == place.old or (place.new not in files and place.number not in taken)
        assert numbered(Level.SAFE, 0, place.new) == numbered(Level.SAFE, 0, place.old), "the rest stays"
    again = renumbered(Level.SAFE, new, taken | {place.number for place in places})
    assert again is not None
    assert all(place.new == place.old for place in again), "what is in order stays"


@given(folders(), st.data())
def test_a_photo_that_is_added_renames_no_other(files: Mapping[str, Own], data: st.DataObject) -> None:
    places = renumbered(Level.SAFE, sorted(files), ())
    assert places is not None
    names = [f"{1_000_000 + 1_000 * at:08}-{place.new[9:]}" for at, place in enumerate(places)]
    at = data.draw(st.integers(0, len(names)))
    more = [*names[:at], "new-abc.jpg", *names[at:]]
    found = renumbered(Level.SAFE, more, {number_of(name) or 0 for name in names})
    assert found is not None
    assert [place.new for place in found if place.old != "new-abc.jpg"] == names


@given(folders(), st.data())
def test_an_order_is_remembered_where_names_may_follow_another(
    files: Mapping[str, Own], data: st.DataObject
) -> None:
    names = data.draw(st.permutations(sorted(files)))
    found = to_remember(files, names)
    if any(len(own.albums) > 1 for own in files.values()):
        assert found == tuple(files[name].digest for name in names)
    else:
        assert found == ()
