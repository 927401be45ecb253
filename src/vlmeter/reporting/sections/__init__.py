"""The tables of a section."""
