"""Nixplay, through the API of its web app.

- `frame`: the port; `catalog`, `view`: what the account has; `upload`: the bytes of a photo.
- `client`: the calls; `session`: the login; `wire`: their JSON; `pages`: long lists; `names`: which it keeps.
"""
