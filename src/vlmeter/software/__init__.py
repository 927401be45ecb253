"""What is installed here, found out without importing it."""
