"""Data sets: from a source to the samples and images that cells read."""
