"""The services picsync talks to, emulated over real HTTP; they import nothing of picsync."""
