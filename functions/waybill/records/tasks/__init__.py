"""One module per Lambda task: a handler that composes, and a plain function that does the work."""
