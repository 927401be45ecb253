"""A package of somebody else's that adds a metric and a family: see docs/extending.md."""
