"""From measurements to records to tidy tables."""
