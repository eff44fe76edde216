"""Dropbox as a store."""
