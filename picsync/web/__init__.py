"""What an operator sees over HTTP: the status page, its JSON, health and metrics. Reads, never changes."""
