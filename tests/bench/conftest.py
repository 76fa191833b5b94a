"""The benchmark's files are scripts of one folder, which name each other as such."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
