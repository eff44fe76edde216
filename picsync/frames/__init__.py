"""Photo frames and their services, each behind the port in `base`."""
