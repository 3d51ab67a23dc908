"""The crash matrix and the faults under load: what a job comes to when it is broken on purpose. See docs/crash-matrix.md."""
