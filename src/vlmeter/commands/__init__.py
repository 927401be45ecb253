"""The larger commands of `vlmeter`, a module each: its arguments, and what it hands on."""
