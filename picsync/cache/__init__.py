"""The cache: which media item has which digest."""
