"""Google Photos albums shared by link, read from their public page without account or key.

- `options`: the link as the user writes it, and its shortened form for messages.
- `addresses`: what a redirect means.
- `markup`: extracts the JSON from the page's HTML and from the response to its call.
- `wire`: parses that JSON by its shape, and refuses anything else.
- `client`: the requests; `source`: the port.

All of this is undocumented and was observed, so it may break at any time. Anything that is not understood
makes a listing incomplete, which deletes nothing.
"""
