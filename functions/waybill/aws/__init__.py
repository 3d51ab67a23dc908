"""AWS by signed HTTP requests of our own, for what is called once per file."""
