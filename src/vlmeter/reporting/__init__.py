"""From tables of figures to pages that people read."""
