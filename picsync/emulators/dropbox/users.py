"""The user's account, and the end of a login."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from picsync.emulators.dropbox.arguments import TEXT
from picsync.emulators.dropbox.calls import Asked, Call
from picsync.emulators.dropbox.errors import malformed
from picsync.emulators.dropbox.oauth import OAuth
from picsync.emulators.dropbox.options import DropboxOptions


class Users:
    """The calls about users."""

    def __init__(self, options: DropboxOptions, oauth: OAuth) -> None:
        self._options = options
        self._oauth = oauth

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        scope = "account_info.read"
        query = {"query": TEXT}
        return (
            Call(name="users/get_current_account", handle=self.account, scope=scope),
            Call(name="users/get_space_usage", handle=self.space, scope=scope),
            Call(name="check/user", handle=self.echo, fields=query),
            Call(name="check/app", handle=self.echo_app, fields=query, app_auth=True),
            Call(name="auth/token/revoke", handle=self.revoke),
        )

    async def account(self, asked: Asked) -> Any:
        """Describe the user."""
        user = asked.caller.user
        assert user is not None  # noqa: S101 - the call allows users only
        name = {
            "given_name": user.name,
            "surname": "Example",
            "familiar_name": user.name,
            "display_name": f"{user.name} Example",
            "abbreviated_name": f"{user.name[:1]}E",
        }
        namespace = user.tree.namespace
        return {
            "account_id": user.account_id,
            "name": name,
            "email": user.email,
            "email_verified": True,
            "disabled": False,
            "locale": "en",
            "referral_link": "https://www.dropbox.com/referrals/example",
            "is_paired": False,
            "account_type": {".tag": "basic"},
            "root_info": {
                ".tag": "user", "root_namespace_id": namespace, "home_namespace_id": namespace
            },
            "country": "US",
        }  # fmt: skip

    async def space(self, asked: Asked) -> Any:
        """Return the used and the available space: `users.SpaceUsage` of the SDK `dropbox` 12.2."""
        user = asked.caller.user
        assert user is not None  # noqa: S101 - the call allows users only
        options = self._options
        allocation: dict[str, Any] = {".tag": "individual", "allocated": options.space_bytes}
        if options.others_bytes is not None:
            allocation = {
                ".tag": "team",
                "used": options.others_bytes + user.tree.used_bytes,
                "allocated": options.space_bytes,
                "user_within_team_space_allocated": options.member_bytes,
                "user_within_team_space_limit_type": {".tag": options.member_limit},
                "user_within_team_space_used_cached": user.tree.used_bytes,
            }
        return {"used": user.tree.used_bytes, "allocation": allocation}

    async def echo(self, asked: Asked) -> Any:
        """Return what was sent."""
        return {"result": asked.argument.get("query", "")}

    async def echo_app(self, asked: Asked) -> Any:
        """Return what an app sent."""
        if asked.caller.user is not None:
            raise malformed("check/app", "This function must be called with app authentication.")
        return await self.echo(asked)

    async def revoke(self, asked: Asked) -> Any:
        """End the login."""
        await self._oauth.revoke(asked.caller.token)
