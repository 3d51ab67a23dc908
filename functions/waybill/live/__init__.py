"""What happens, told as it happens: numbered events of runs, who listens to them, and how one gets in."""
