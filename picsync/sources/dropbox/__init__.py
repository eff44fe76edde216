"""Dropbox as a source: folders, and shared links of other people's folders.

- `source`: the port; `listing`: one folder, continued by its cursor.
- `options`: an entry of picsync.yaml; `links`: shared links as users paste them.
- `problems`: why a folder cannot be listed; `examination`: for the doctor.
"""
