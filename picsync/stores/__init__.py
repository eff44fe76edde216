"""Stores: places where files are, such as the folders of this machine."""
