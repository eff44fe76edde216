"""Helpers for asyncio, and imports that wait until they are needed."""
