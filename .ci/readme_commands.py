"""Prints the shell commands of README.md, all blocks fenced as bash, as a script that ends at the first failure."""

import re
import sys
from pathlib import Path

readme = Path(__file__).parents[1] / "README.md"
blocks = re.findall(r"^```bash\n(.*?)^```", readme.read_text(), flags=re.MULTILINE | re.DOTALL)
if len(blocks) < 3:
    sys.exit(f"{readme}: {len(blocks)} bash blocks; installation, tests and the worked example are expected")
commands = re.sub(r"\\\n", " ", "\n".join(blocks)).splitlines()
# `set -e` overlooks a failure before `&&`, so each command says for itself that it must succeed
sys.stdout.writelines(f"{command} || exit 1\n" for command in commands if command.strip())
