"""Nixplay, through the API of its web app."""

from picsync.frames.nixplay.client import OPERATIONS
from picsync.frames.nixplay.frame import CAPABILITIES, NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin

__all__ = ["CAPABILITIES", "OPERATIONS", "NixplayFrame", "NixplayLogin"]
