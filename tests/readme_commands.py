"""Print the README's first or second fenced command: ``python tests/readme_commands.py 1``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def commands(text: str) -> list[str]:
    """Return the lines of the fenced blocks of a Markdown text, in order."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


if __name__ == "__main__":
    print(commands(README.read_text())[int(sys.argv[1]) - 1])
