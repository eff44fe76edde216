"""What a family has done, in a database: people, uploads, judgements, shares. It cannot be rebuilt."""
