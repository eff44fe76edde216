import gc, asyncio, pytest


@pytest.fixture
async def fx():
    yield 1


async def test_a(fx):
    gc.collect()
