"""Emulators of the services that picsync uses, over real HTTP; they import nothing else of picsync."""
