"""Photos that were picked one by one, kept in a folder of picsync's own.

- `library`: the folder; `source`: the source port on it.
- `picking`: how what the user has picked gets there.
"""
