"""What a family does in a browser: people, photos, uploads, judgements, shares."""
