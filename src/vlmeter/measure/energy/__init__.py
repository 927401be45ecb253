"""Energy: where it is read, and what a call used."""
