"""Prints the shell commands of README.md: every block fenced as bash, in order, as one script."""

import re
import sys
from pathlib import Path

readme = Path(__file__).parents[1] / "README.md"
blocks = re.findall(r"^```bash\n(.*?)^```", readme.read_text(), flags=re.MULTILINE | re.DOTALL)
if len(blocks) < 3:
    sys.exit(f"{readme}: {len(blocks)} bash blocks; installation, tests and the worked example are expected")
sys.stdout.write("\n".join(blocks))
