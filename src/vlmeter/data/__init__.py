"""From a data set on the Hub or on disk to images and texts that a model can be fed."""
