"""Photo frames' services, each behind the port in `base`."""
