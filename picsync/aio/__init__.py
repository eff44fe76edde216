"""Helpers for asyncio, and deferred imports."""
