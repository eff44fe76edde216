"""Google Photos as a source, through the Library API and OAuth.

- `source`: the port; `links` keeps the URLs of originals alive.
- `api`: the calls, on google-api-python-client; `threads` keeps that blocking library off the event loop.
- `tokens`: the access token and its renewal; `login`: how the user gives the first one.
- `wire`: their JSON; `refusals`: their errors in picsync's words.
"""
