"""Local directories: a mounted NAS share, or the folder of Syncthing, Dropbox or Nextcloud.

`scan` lists a folder: `walk` finds files, `names` knows which names to skip, `probing` detects each file
version's format by its content. `database` stores the results across restarts, `mounts` and `volumes`
distinguish an emptied folder from one that is not mounted, `watch` notices changes, and `source` is the port.
"""
