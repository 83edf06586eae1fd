"""Where files of ours lie in the checkout."""

from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"
