"""How this program is called, for remedies that name one of its commands."""

import shutil

PROGRAM = f"{'python' if shutil.which('python') else 'python3'} run.py"
"""Some systems, Debian among them, have a `python3` and no `python`."""
