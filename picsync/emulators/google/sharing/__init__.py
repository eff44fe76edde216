"""Albums shared by link: the short link, the public page with its data, and the call for further pages.

All of it is undocumented; it is built from observations of the real service. Unknown facts are options. Not
emulated: comments, joining an album, the page's scripts and pictures.
"""
