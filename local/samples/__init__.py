"""Generated sample documents and the sample org."""
