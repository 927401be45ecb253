"""This host: what it is, which devices it has, and who measures on it."""
