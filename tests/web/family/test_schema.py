"""Generated requests against the running API: none fails, and every answer is as documented."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from picsync.family.people import Role
from tests.web.family.sample import add_sample, sample
from tests.web.family.served import serve

schemathesis = pytest.importorskip("schemathesis")
general = pytest.importorskip("schemathesis.checks")
conformance = pytest.importorskip("schemathesis.specs.openapi.checks")
failures = pytest.importorskip("schemathesis.core.failures")

REQUESTS = 3
"""For each operation."""
CHECKED = (
    general.not_a_server_error,
    conformance.response_schema_conformance,
    conformance.content_type_conformance,
)
LEFT_OUT = r"^/api/uploads/tus"
"""Resumable uploads have a protocol of their own. No generated ID is that of a person or a device."""


def _try(url: str, token: str) -> list[str]:
    """Send requests to all operations; return what was wrong. Blocks."""
    headers = {"Authorization": f"Bearer {token}"}
    document = httpx.get(f"{url}/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    wrong: list[str] = []
    chosen = schema.exclude(path_regex=LEFT_OUT)
    for result in chosen.get_all_operations():
        wrong += _try_operation(result.ok(), headers)
    return wrong


def _try_operation(operation: Any, headers: dict[str, str]) -> list[str]:
    wrong: list[str] = []

    @seed(1)
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        try:
            case.call_and_validate(headers=headers, checks=CHECKED, timeout=30)
        except failures.FailureGroup as failure:
            wrong.append(f"{operation.label}: {failure.exceptions[0]}")

    send()
    return wrong


async def test_generated_requests_fail_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as pages:
        anna = (await pages.services.people.invite("Anna", Role.ADMINISTRATOR)).person
        session = await pages.services.people.api_token(anna.person, "generator")
        await add_sample(pages.services.state, [sample(n) for n in range(6)])
        wrong = await asyncio.to_thread(_try, pages.url, session.token)
    assert wrong == []
