"""One module per Lambda task of the file migration."""
