"""What every HTTP server of picsync has in common: limits for its clients, and which requests it refuses."""
