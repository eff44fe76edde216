"""What is wanted, what differs, and what may be done: values and functions without any I/O."""
