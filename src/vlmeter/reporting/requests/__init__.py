"""Where the time of a whole request goes, as the report says it."""
