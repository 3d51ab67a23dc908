"""Input files of any kind into a job and its tables."""
