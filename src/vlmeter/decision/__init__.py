"""Decides which setting to deploy: pure functions from a study's tables to the best settings."""
