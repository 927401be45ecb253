"""What one forward pass, or one generation, costs: time, energy, memory, operations, layers.

Nothing in here knows of metrics, reporting or the study's layout: an edit there must not make a
measurement stale.
"""
