"""This machine's files as a store."""
