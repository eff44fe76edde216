"""A self-hosted Immich server, version 2 or later, as a source.

- `source`: the port; `listing` collects an entry's assets and checks that they are complete.
- `options`: an entry of picsync.yaml; `address`: server addresses and shared links.
- `selection`: search conditions, in both forms of Immich's search.
- `renditions`: which bytes are downloaded for an asset.
- `api`: the calls; `wire`: their JSON; `refusals`: their errors as picsync's messages.
"""
