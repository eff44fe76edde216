"""The pages of web frames: the route group for the people at home."""
