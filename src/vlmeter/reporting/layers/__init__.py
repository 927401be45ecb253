"""Layer profiles in words and tables."""
