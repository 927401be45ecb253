"""Quality: how well the predictions answer, and how sure that can be known."""
