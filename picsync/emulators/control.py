"""`/_emulator/...` on the server's own address, for tests that run a program in another process."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from picsync.emulators.faults import Fault, Faults
from picsync.emulators.requestlog import RequestLog


def control_routes(log: RequestLog, faults: Faults) -> Sequence[web.RouteDef]:
    """Return the routes that read the log and script the faults.

    `GET /_emulator/requests` lists the requests (`?host=`, `?path=` a regular expression, `?method=`);
    `DELETE` clears the log. `POST /_emulator/faults` takes one fault or a list, `DELETE` disarms all.
    """

    async def requests(request: web.Request) -> web.Response:
        method, host, path = (request.query.get(name, "") for name in ("method", "host", "path"))
        return web.json_response(
            [record.as_json() for record in log.matching(method=method, host=host, path=path)]
        )

    async def forget(_: web.Request) -> web.Response:
        log.clear()
        return web.Response(status=204)

    async def arm(request: web.Request) -> web.Response:
        try:
            value = json.loads(await request.text())
            added = [Fault.from_json(each) for each in (value if isinstance(value, list) else [value])]
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": f"Not a valid fault: {error}."}, status=400)
        faults.add(*added)
        return web.json_response({"armed": len(added)}, status=201)

    async def disarm(_: web.Request) -> web.Response:
        faults.clear()
        return web.Response(status=204)

    return (
        web.get("/_emulator/requests", requests),
        web.delete("/_emulator/requests", forget),
        web.post("/_emulator/faults", arm),
        web.delete("/_emulator/faults", disarm),
    )
