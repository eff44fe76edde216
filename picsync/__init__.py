"""picsync keeps photo frames in sync with photo albums."""

import os
import sys

# pydantic looks for plugins in every installed package before it builds its first model, which takes 10 ms.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# httpx imports its own command and thereby rich, if that is installed: a third of its import time, and 6 MB.
# picsync does not use the command, so this entry makes httpx behave as if rich were missing. It has to be set
# before any module of picsync imports httpx.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is documented for import, but unknown to typeshed
