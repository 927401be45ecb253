"""Requests to the Hugging Face Hub: how they are retried and what their errors mean."""
