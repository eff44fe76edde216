"""A page with all files of the owner, for demos: Dropbox's own page in a browser is not emulated."""

from __future__ import annotations

import html
from collections.abc import Iterable
from mimetypes import guess_type

from aiohttp import web

from picsync.emulators.dropbox.tree import Entry, File

_STYLE = """
:root { color-scheme: light dark; --soft: #6b6459; --line: #ddd8cd; --card: #fff; --page: #f4f2ec }
@media (prefers-color-scheme: dark) {
  :root { --soft: #a29b8f; --line: #3a3733; --card: #242220; --page: #191817 }
}
body { font: 16px/1.4 system-ui, sans-serif; margin: 0; padding: 1.5rem; background: var(--page) }
h1 { font: 500 1.7rem/1.2 Georgia, serif; margin: 0 0 1rem }
.folders { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem }
h2 { font-size: 1rem; margin: 0 0 .6rem; overflow-wrap: anywhere }
ul { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: 1fr 1fr; gap: .6rem }
li { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere }
img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover; border-radius: 6px }
p { margin: 0; color: var(--soft) }
"""
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    f'<meta http-equiv="refresh" content="2"><title>Dropbox</title><style>{_STYLE}</style>'
)


def home_page(entries: Iterable[Entry]) -> str:
    """Return the page, which loads itself again every two seconds.

    Folders that have only folders are left out. Pictures are below the page, by their revisions.
    """
    found: dict[str, list[File]] = {}
    parents = set()
    for entry in entries:
        folder = entry.path.rpartition("/")[0]
        if isinstance(entry, File):
            found.setdefault(folder or "/", []).append(entry)
        else:
            found.setdefault(entry.path, [])
            parents.add(folder)
    cards = "".join(
        f"<section><h2>{html.escape(folder)}</h2>{_files(files)}</section>"
        for folder, files in sorted(found.items(), key=lambda each: each[0].lower())
        if files or folder not in parents
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head>{_HEAD}</head><body><h1>Dropbox</h1>'
        f'<main class="folders">{cards}</main></body></html>'
    )


def _files(files: list[File]) -> str:
    if not files:
        return "<p>Nothing is here.</p>"
    return f"<ul>{''.join(f'<li>{_picture(file)}{html.escape(_name(file))}</li>' for file in files)}</ul>"


def _picture(file: File) -> str:
    return f'<img src="home/{file.rev}" alt="" loading="lazy">' if _type(file).startswith("image/") else ""


def picture(entries: Iterable[Entry], rev: str) -> web.Response | None:
    """Return the picture of this revision; None if it is not there any more."""
    for entry in entries:
        if isinstance(entry, File) and entry.rev == rev and _type(entry).startswith("image/"):
            headers = {"Cache-Control": "private, max-age=31536000, immutable"}
            return web.Response(
                body=b"".join(entry.content.chunks()), content_type=_type(entry), headers=headers
            )
    return None


def _name(file: File) -> str:
    return file.path.rpartition("/")[2]


def _type(file: File) -> str:
    return guess_type(file.path)[0] or "application/octet-stream"
