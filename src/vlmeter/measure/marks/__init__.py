"""Marks in a run: where its parts begin and end, and how long each is at work."""
