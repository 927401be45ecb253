"""The demonstration: three small generated data sets and the checkpoint trained on them."""
