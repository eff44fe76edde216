"""What the scheduler runs: album rules on their frames, and whatever else has to be done again and again."""
