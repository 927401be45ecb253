"""Quality metrics: how well predictions answer, with the uncertainty of each figure."""
