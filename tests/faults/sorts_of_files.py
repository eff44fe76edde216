"""What a file in a directory of picsync is, by its path relative to that directory."""

from __future__ import annotations

from pathlib import PurePath


def in_a_source(path: str) -> str:
    if path == ".":
        return "the folder"
    return "a file" if PurePath(path).suffix else "a subfolder"


def in_a_frame(path: str) -> str:
    """Return the sort of a file in a directory that is a frame."""
    match PurePath(path).parts:
        case ():
            return "the folder"
        case (".picsync",):
            return "the inner folder"
        case (".picsync", "manifest.jsonl"):
            return "the manifest"
        case (".picsync", "details.jsonl"):
            return "the details"
        case (".picsync", name) if "details" in name:
            return "new details"
        case (".picsync", name):
            return "a new manifest" if "manifest" in name else "a new picture"
        case ("DCIM",) | ("DCIM", _):
            return "a camera folder"
        case _:
            return "a picture"
