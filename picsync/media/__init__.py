"""The bytes of pictures and videos: which format they are of, how large, and whether they are whole.

All of it reads strangers' bytes. Nothing in a file makes these modules read more than a bounded number of its
pieces, or raise anything but OSError.
"""
