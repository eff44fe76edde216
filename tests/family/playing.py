"""What was played in a bracket."""

from __future__ import annotations

from dataclasses import replace

from picsync.family.bracket import Answer, Bracket
from picsync.family.games import EQUAL, LEFT, RIGHT, Game

SCORES = {Answer.LEFT: LEFT, Answer.EQUAL: EQUAL, Answer.RIGHT: RIGHT}


def games(bracket: Bracket) -> list[Game]:
    """Return the games that were played; a skipped pair is none."""
    at, played = replace(bracket, answers=()), []
    for answer in bracket.answers:
        pair = at.pair()
        assert pair is not None
        if answer is not Answer.SKIP:
            played.append(Game(bracket.tournament, pair.number, pair.left, pair.right, SCORES[answer]))
        at = at.answered(pair.number, pair.left, pair.right, answer)
    return played
