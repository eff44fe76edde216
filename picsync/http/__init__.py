"""Requests to other people's servers: one client, one retry policy, one place for limits."""
