"""Google's login and what its client libraries need; shared by all users of a Google account."""
