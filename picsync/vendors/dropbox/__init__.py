"""Dropbox's API: login, tokens, calls and errors; used by everything that has to do with a Dropbox account.

- `credentials`: the section of the credentials file; `login`: how a user fills it; `tokens`: access tokens.
- `wire`: the JSON of the answers; `refusals`: errors, by their tags.
- `client`: one request in each of the API's styles; `api`: the calls.
- `filetree`: a folder's content as listings and changes tell it.
"""
