"""The Hugging Face Hub: what is asked of it, how often, and what its refusals mean for the user."""
