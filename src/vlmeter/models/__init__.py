"""From a model's name to a loaded model, the batches it is fed and the words it answers."""
