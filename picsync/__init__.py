"""picsync keeps photo frames in sync with photo albums."""

import sys

# httpx brings a command of its own along, and with it all of rich, if that is installed: a third of what it
# takes to load, and 6 MB. No one calls it here; to httpx this looks as if rich were not there. It is said
# here, before whichever module of ours is the first to load httpx.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # documented for import, unknown to typeshed
