"""Analyses the bytes of pictures and videos: format, dimensions, and whether they are complete.

The bytes are untrusted. Whatever a file contains, these modules read a bounded number of its parts, and raise
nothing but OSError.
"""
