"""Records out of every format that can be read."""
