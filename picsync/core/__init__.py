"""Values and decisions without any I/O: what is wanted, what differs, and what may be done."""
