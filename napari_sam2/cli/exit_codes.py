"""What the command's exit code says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Relied on by scripts."""

    DONE = 0
    BAD_INPUT = 2
    STOPPED_PART_WAY = 3
    INTERRUPTED = 130
