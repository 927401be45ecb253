"""Layers: the time of each module, and what kind it is."""
