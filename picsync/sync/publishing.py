"""Brings a frame's playlists up to date as planned, and says what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence

from picsync.core.errors import LoginNeeded, PicsyncError, PlaylistFullError
from picsync.core.events import About, Failure, Notice, NoticeKind
from picsync.core.model import Playlist
from picsync.core.plan import Content, Plan
from picsync.core.select import Overflow
from picsync.frames.base import Assigns, PlaylistFrame
from picsync.sync.observing import Observation, Seen
from picsync.sync.publish import Playlists, PublishResult, publish


class Publishing:
    """The playlists of one cycle, and what was done to them."""

    def __init__(self, observation: Observation, frame: PlaylistFrame) -> None:
        self._observation = observation
        self._frame = frame
        self._rule = observation.rule
        self._tools = observation.tools
        self._findings = observation.findings
        self.playlists = Playlists(frame, self._rule.rule.playlist_name)
        self.results: list[PublishResult] = []
        self.assigned: dict[str, bool | None] = {}
        """Name of a playlist that is to hold photos -> whether a frame shows it, as far as it is known."""
        self.entries: int | None = None
        """Of all the rule's playlists; None if they were not published."""

    @property
    def failed(self) -> bool:
        """Whether a playlist could not be brought up to date."""
        return any(result.failure is not None for result in self.results)

    def begin(self, seen: Seen) -> None:
        """Start creating the rule's playlist if there is none; call it once there is something to show."""
        if not any(playlist.name == self._rule.rule.playlist_name for playlist in seen.playlists):
            self.playlists.begin()

    async def publish(self, seen: Seen, plan: Plan) -> bool:
        """Bring the playlists up to date; return whether deleting may follow."""
        for content in plan.contents:
            self._notice(content, [playlist for playlist in seen.playlists if playlist.name == content.name])
        if plan.overflow:
            self._overflowing(plan)
        current = {playlist.name: playlist for playlist in reversed(seen.playlists)}
        counts = {name: len(playlist.items) for name, playlist in current.items()}
        published = True
        for edit in plan.edits:
            name = edit.content.name
            if not published and (edit.playlist is None or not edit.content.photos):
                break  # Parts are made in order, and given up once the others have taken over.
            result = await publish(
                self._frame,
                self._rule.name,
                edit,
                create=self.playlists.create,
                seen=plan.seen,
                emit=self._tools.emit,
                sleep=self._tools.sleep,
            )
            self.results.append(result)
            if result.created and not self._rule.dry_run:
                self.assigned[result.created] = False
                title, asked = self._frame.capabilities.title, "" if name == result.created else name
                self._findings.notices.append(
                    Notice(NoticeKind.PLAYLIST_NEW, result.created, frame=title, asked=asked)
                )
            if result.playlist is not None:
                current[name], counts[name] = result.playlist, len(result.playlist.items)
            if result.failure is not None:
                self._findings.failures.append(self._observation.at_frame(result.failure))
                published = False
            if result.unordered:
                self._tools.unordered[self._rule.place] = self._tools.now()
                title = self._frame.capabilities.title
                self._findings.notices.append(Notice(NoticeKind.ORDER_NOT_KEPT, name, frame=title))
        self.entries = sum(counts.values())
        await self._assign([current[each.name] for each in plan.contents if each.name in current])
        return published

    async def _assign(self, playlists: Sequence[Playlist]) -> None:
        """Have devices show the playlists, if the frame is to choose which ones."""
        if not isinstance(self._frame, Assigns):
            return
        for playlist in playlists:
            if not playlist.items:
                continue
            name, title = playlist.shown_name, self._frame.capabilities.title
            try:
                assigned = await self._frame.assign(playlist)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                self._findings.failures.append(
                    self._observation.at_frame(Failure(name, error, About.PLAYLIST))
                )
                return
            if assigned is None:
                return
            self.assigned[name] = assigned.shown
            # What is done here needs not be done by hand.
            by_hand = (NoticeKind.PLAYLIST_NEW, NoticeKind.PLAYLIST_UNASSIGNED)
            self._findings.notices = [
                each
                for each in self._findings.notices
                if not (each.kind in by_hand and each.name == name and (assigned.shown or assigned.remark))
            ]
            if assigned.remark:
                notice = Notice(NoticeKind.PLAYLIST_NOT_SHOWN, name, frame=title, said=assigned.remark)
                self._findings.notices.append(notice)

    def _notice(self, content: Content, playlists: Sequence[Playlist]) -> None:
        """Note what is odd about the playlists that have the name of `content`."""
        name = " and ".join(dict.fromkeys(playlist.shown_name for playlist in playlists))
        if len(playlists) > 1:
            self._findings.notices.append(Notice(NoticeKind.PLAYLIST_DUPLICATE, name, len(playlists)))
        if content.photos or content.name == self._rule.rule.playlist_name:
            said = [playlist.assigned for playlist in playlists]
            if playlists and content.photos:
                self.assigned[name] = True if any(said) else None if None in said else False
            if playlists and not any(said) and None not in said:
                self._findings.notices.append(Notice(NoticeKind.PLAYLIST_UNASSIGNED, name))
        elif any(playlist.items for playlist in playlists):
            self._findings.notices.append(Notice(NoticeKind.PLAYLIST_UNUSED, name))

    def _overflowing(self, plan: Plan) -> None:
        name, shown, left_out = self._rule.rule.playlist_name, len(plan.shown), plan.overflow
        match self._rule.rule.overflow:
            case Overflow.ERROR:
                error = PlaylistFullError(shown, left_out)
                self._findings.failures.append(Failure(name, error, About.PLAYLIST))
            case Overflow.NEWEST:
                self._findings.notices.append(Notice(NoticeKind.PLAYLIST_FULL_NEWEST, name, left_out, shown))
            case Overflow.SPLIT:
                self._findings.notices.append(Notice(NoticeKind.PLAYLIST_FULL_SPLIT, name, left_out, shown))
