"""Google albums: shared by link, read through the Library API, or picked in Google's own page."""
