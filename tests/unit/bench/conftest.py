"""The benches are scripts and no package that is installed: the repository's root goes on the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))
