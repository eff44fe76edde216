"""Common parts of picsync's HTTP servers: limits for clients, and which requests are refused."""
