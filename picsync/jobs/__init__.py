"""The scheduler's jobs: album rules on their frames, and other repeated work."""
