"""The long-running process: what is opened, what runs when, and how it stops."""
