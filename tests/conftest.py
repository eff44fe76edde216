"""What every test needs."""

import asyncio

# Python 3.11 makes a loop for whoever asks for the current one before there is any, as pytest-asyncio does
# between two tests; nobody would close it. Saying that there is none keeps it from being made.
asyncio.set_event_loop(None)
