"""How it stands: states, words, metrics and notifications."""
