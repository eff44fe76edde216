"""Google's login and what its libraries need; shared by all that uses a Google account."""
