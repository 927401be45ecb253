"""From a config to cells, and what each job is given."""
