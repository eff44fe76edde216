"""Albums at Google: shared by a link, in the library by Google's API, or picked in its own pages."""
