"""Photos that the user picked one by one, stored in a folder that picsync owns.

- `library`: the folder; `source`: the source port for it.
- `picking`: downloads what the user has picked; `port`, `api`: the picking service.
"""
