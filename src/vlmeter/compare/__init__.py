"""Compares two finished studies: two machines, two versions, two dates."""
