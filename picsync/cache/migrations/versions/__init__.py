"""One script per revision, written by hand; a released one never changes."""
