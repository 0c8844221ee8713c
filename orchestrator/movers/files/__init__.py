"""Trees of files."""
