"""The first two commands of the README, and its links."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers.readme_commands import README, commands


def test_the_first_two_commands_stand_alone() -> None:
    first, second = commands(README.read_text())[:2]
    for command in (first, second):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert "-c constraints.txt" in command
        assert ".ci/run" not in command
    assert first.endswith(".venv/bin/napari-sam2 demo")
    assert ".venv/bin/python -m pytest" in second


def test_what_the_readme_points_to_exists() -> None:
    text = README.read_text()
    root = README.parent
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(r'src="([^"]+)"', text)
    assert targets
    assert [target for target in targets if not (root / Path(target)).exists()] == []
