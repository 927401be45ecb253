"""Compares finished studies: machines, versions, dates."""
