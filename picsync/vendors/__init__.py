"""Services that more than one source or frame uses: login, tokens, calls."""
