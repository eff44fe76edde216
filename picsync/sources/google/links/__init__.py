"""Google Photos albums shared by link, read from their public page; no account, no key.

- `options`: the link as the user writes it, and the name by which it is spoken of.
- `addresses`: where an answer leads that is a redirect.
- `markup`: the JSON within the page's HTML and within the answer of its call.
- `wire`: what that JSON says, by its shape; anything else is refused and named.
- `client`: the requests; `source`: the port.

All of it is undocumented and was observed, so it is what breaks one day. Whatever is not understood makes a
listing partial, which deletes nothing.
"""
