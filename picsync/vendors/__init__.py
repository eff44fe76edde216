"""Services that several sources or frames use: login, tokens, calls."""
