"""The frame kind `folder`: a directory that is filled like an album."""
