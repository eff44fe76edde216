"""Sources: the places that photos come from, each behind the port in `base`."""
