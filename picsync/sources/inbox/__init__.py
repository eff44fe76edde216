"""A spool as a source: files are taken in from one folder, and put into another once every frame shows them.

- `source`: the port; `spool`: the three folders of one spool.
- `record`: since when files are in `done`.
- `options`: an entry of picsync.yaml.
"""
