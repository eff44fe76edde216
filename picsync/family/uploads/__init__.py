"""What people send: received in blocks, checked by content, and then part of the library.

`values` has an upload's states, `parts` the files that are being received, `rows` what the database knows of
them, `checking` decides by a file's content what it is, and `service` does the work.
"""
