"""The memory that saves work: which media item has which digest."""
