"""Albums shared by link: the short link, the public page with its data, and the call for further pages.

All of it is undocumented; it is built from what was observed of the real service. What no one knows is an
option. Not emulated: comments, joining an album, the page's scripts and pictures.
"""
