"""A self-hosted Immich server as a source, from version 2 on.

- `source`: the port; `listing` collects an entry's assets and asks whether they are all.
- `options`: an entry of picsync.yaml; `address` the server's address, and shared links.
- `selection`: what is searched for, in both forms of Immich's search.
- `renditions`: which bytes an asset is downloaded as.
- `api`: the calls; `wire` their JSON, `refusals` their errors in picsync's words.
"""
