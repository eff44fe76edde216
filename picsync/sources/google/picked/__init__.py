"""Photos that were picked one by one, kept in a folder of picsync's own.

- `library`: the folder; `source`: the source port on it.
- `picking`: how what a person has picked gets there.
"""
