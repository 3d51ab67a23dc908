"""What every context shares: runs, their results, control, errors and reports."""
