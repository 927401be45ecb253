"""What a study's config file may say, and how a mistake in it is reported."""
