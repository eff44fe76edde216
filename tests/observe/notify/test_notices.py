from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from picsync.observe.health import HealthCode
from picsync.observe.notify.notices import (
    MOST_LINES,
    RETRY_AFTER,
    Condition,
    Key,
    Level,
    Message,
    Notices,
)
from tests.observe.notify.builders import START

KEYS = [
    Key(HealthCode.LOGIN_NEEDED, "Nixplay"),
    Key(HealthCode.CONFIG_REFUSED),
    Key(HealthCode.HELD_DELETES, "A"),
    Key(HealthCode.OVERDUE, "B"),
]


def present(keys: Collection[Key]) -> dict[Key, Condition]:
    return {key: Condition(f"<{key.code} {key.subject}>") for key in keys}


def due(notices: Notices, *keys: Key) -> Message:
    message = notices.due(present(keys), START)
    assert message is not None
    return message


def test_new_problems_are_one_message_most_urgent_first() -> None:
    message = due(Notices(), KEYS[3], KEYS[0])
    assert (message.title, message.level) == ("picsync needs you: 2 problems", Level.WARNING)
    assert message.body == "- <login_needed Nixplay>\n- <overdue B>"


def test_what_is_over_and_what_is_new_are_one_message() -> None:
    told = Notices().delivered(due(Notices(), KEYS[0], KEYS[1]))
    message = due(told, KEYS[1], KEYS[2])
    assert message.level is Level.WARNING
    assert message.body == (
        "- <held_deletes A>\n\nResolved:\n- Nixplay: the login is no longer refused.\n\n"
        "Still open:\n- <config_refused >"
    )


def test_some_is_over_and_some_is_not() -> None:
    message = due(Notices(frozenset(KEYS[:2])), KEYS[0])
    assert message.title == "picsync: some problems are resolved, but 1 problem still open"
    assert message.level is Level.INFO


def test_all_is_well_again() -> None:
    message = due(Notices(frozenset(KEYS)))
    assert (message.title, message.level) == ("picsync: all problems are resolved", Level.SUCCESS)
    assert message.body == (
        "- Nixplay: the login is no longer refused.\n- The configuration is valid again.\n"
        "- Album A: no deletes wait for you any more.\n- Album B: its cycles no longer fail."
    )


def test_a_changed_text_is_no_news() -> None:
    told = Notices(frozenset(KEYS[:1]))
    assert told.due({KEYS[0]: Condition("other words")}, START) is None


def test_long_lists_are_cut_and_odd_characters_are_kept_out() -> None:
    many = [Key(HealthCode.OVERDUE, f"{n:02}\x1b\n") for n in range(MOST_LINES + 5)]
    body = due(Notices(), *many).body
    assert len(body.splitlines()) == MOST_LINES + 1
    assert body.endswith("- ... and 5 more")
    assert "\x1b" not in body


def test_a_failed_delivery_waits_for_a_while_or_for_other_news() -> None:
    message = due(Notices(), KEYS[0])
    failed = Notices().undelivered(message, START)
    one, two = present(KEYS[:1]), present(KEYS[:2])
    soon = START + RETRY_AFTER - timedelta(seconds=1)
    assert failed.due(one, soon) is None
    assert failed.due(one, START + RETRY_AFTER) == message
    assert failed.due(two, soon) is not None
    assert failed.due({}, soon) is None


STEPS = st.lists(st.tuples(st.frozensets(st.sampled_from(KEYS)), st.booleans(), st.integers(0, 20)))


@given(STEPS)
def test_every_problem_is_announced_and_ended_once_each_in_turn(
    steps: Sequence[tuple[frozenset[Key], bool, int]],
) -> None:
    """What was read so far tells the receiver what holds, however deliveries fail and problems flap."""
    notices, now = Notices(), START
    believed: set[Key] = set()
    for keys, works, minutes in steps:
        now += timedelta(minutes=minutes)
        message = notices.due(present(keys), now)
        if message is None:
            continue
        if not works:
            notices = notices.undelivered(message, now)
            assert notices.due(present(keys), now) is None
            continue
        notices = notices.delivered(message)
        head = message.body.split("\n\nStill open:")[0]
        for key in KEYS:
            new, over = f"<{key.code} {key.subject}>" in head, key.over in head
            assert (new, over) == (key in keys - believed, key in believed - keys)
        assert any(f"<{key.code} " in head or key.over in head for key in KEYS)
        believed = set(keys)
        assert notices.due(present(keys), now) is None
    last = steps[-1][0] if steps else frozenset()
    end = notices.due(present(last), now + RETRY_AFTER)
    assert (end is None) == (believed == last)
