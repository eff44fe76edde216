"""Opens what the family's pages need. Only a configuration with `family` imports it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from picsync.config import Config
from picsync.config.family import Family
from picsync.family.people import People
from picsync.family.state.database import State
from picsync.web.family.services import Services
from picsync.web.frame.address import page_base


@asynccontextmanager
async def open_family(config: Config, family: Family, *, cache: str) -> AsyncIterator[Services]:
    """Open the services of the family's pages for the context. Raises StateError."""
    state = await State.open(cache)
    try:
        yield Services(state, People(state), title=family.title, url=page_base(config))
    finally:
        await state.aclose()
