"""A household as a process: what is opened, what runs when, and how it stops."""
