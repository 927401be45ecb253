"""Files: atomic, checksummed, one way for each format."""
