"""Consumers of events: status, words, metrics and notifications."""
