"""What the family has sent: albums are folders of the library (`family.library`).

The folder source lists and reads them; `source` adds what is known of a library: whether it is mounted, and
that its files arrive completely.
"""
