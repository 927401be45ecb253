"""The demonstration: generated data sets and the checkpoint that was trained on such samples."""
