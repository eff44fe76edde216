"""A folder in Dropbox as a frame: `frame` is the port, `manifest` says which files are picsync's."""
