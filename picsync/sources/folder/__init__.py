"""Local directories: a mounted share of a NAS, Syncthing, the folder of a Dropbox or Nextcloud client.

`walk` finds files, `names` knows which are none of the user's pictures, `looks` tells their format by their
content, once for each version; `memory` keeps what was seen beyond the process, `mounts` and `volumes` tell
an emptied folder from one that is not mounted, `watch` notices changes, and `source` is the port.
"""
