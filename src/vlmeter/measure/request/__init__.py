"""A whole request: its time from a file's bytes to an answer's words, and where that time goes."""
