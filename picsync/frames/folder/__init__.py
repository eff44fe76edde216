"""A directory that is filled like an album: for a USB stick, a network share, or a program that shows it."""
