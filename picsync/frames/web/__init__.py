"""The frame kind `web`: photos in a folder of picsync's own, which any browser shows."""
