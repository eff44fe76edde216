"""What a family does in a browser: judging photos. The modules here are pure; they know no database."""
