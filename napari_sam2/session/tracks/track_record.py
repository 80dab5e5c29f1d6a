"""What was tracked of an object, as a value that is stored with the object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sam2.core.frame_ranges import FrameRanges


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What was tracked of one object in one session.

    Parameters
    ----------
    prompts : tuple of (int, str)
        The frames that had prompts when the object was last tracked, increasing, and the digests
        of these prompts.
    computed : FrameRanges
        Frames whose masks follow from these prompts.
    absent : FrameRanges
        Frames without the object, by the user's decision; it gets no mask there.
    """

    prompts: tuple[tuple[int, str], ...] = ()
    computed: FrameRanges = field(default_factory=FrameRanges)
    absent: FrameRanges = field(default_factory=FrameRanges)

    def changed(self, digests: Mapping[int, str]) -> set[int]:
        """Return the frames whose prompts were added, changed or removed since then.

        Parameters
        ----------
        digests : Mapping[int, str]
            Digest of the present prompts of each prompted frame.
        """
        before = dict(self.prompts)
        return {f for f in {*before, *digests} if before.get(f) != digests.get(f)}

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values; see :meth:`from_json`."""
        return {
            "prompts": [list(item) for item in self.prompts],
            "computed": [list(item) for item in self.computed.ranges],
            "absent": [list(item) for item in self.absent.ranges],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrackRecord:
        """Return the record from the value of :meth:`to_json`."""
        return cls(
            tuple((int(frame), str(digest)) for frame, digest in value["prompts"]),
            FrameRanges(tuple((first, stop) for first, stop in value["computed"])),
            FrameRanges(tuple((first, stop) for first, stop in value["absent"])),
        )
