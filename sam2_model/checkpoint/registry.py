"""The models that have names, the sources of their weights, and their recommended uses."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS, SAM2Config

BUNDLED_MICRO = Path(__file__).parents[1] / "weights" / "micro.safetensors"
_SIZES = ("tiny", "small", "base_plus", "large")
_SHORT_SIZES = dict(zip(("t", "s", "b+", "l"), _SIZES, strict=True))
_SHORT_STEMS = {"": "sam2.1_hiera", "sam2.1": "sam2.1_hiera", "sam2": "sam2_hiera"}


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository of the Hugging Face hub."""

    repository: str
    filename: str


@dataclass(frozen=True, slots=True)
class Release:
    """A model with a name.

    Parameters
    ----------
    config : SAM2Config
        Configuration with the name.
    parameters : int
        Number of weights.
    download_bytes : int
        Size of the download, known without connecting to the hub; 0 for a file in this package.
    good_for : str
        Recommended use, one line.
    source : HubFile or Path
        File on the hub or in this package.
    license : str
        SPDX identifier of the weights' license.
    """

    config: SAM2Config
    parameters: int
    download_bytes: int
    good_for: str
    source: HubFile | Path
    license: str = "Apache-2.0"

    @property
    def name(self) -> str:
        """E.g. ``"sam2.1_hiera_tiny"``."""
        return self.config.name


@dataclass(frozen=True, slots=True)
class Registry:
    """Named models and the hub that they are downloaded from.

    Parameters
    ----------
    releases : tuple of Release
        Models in the order in which :func:`~sam2_model.checkpoint.auto_model_name` prefers them.
    endpoint : str, optional
        URL of the hub; by default that of ``HF_ENDPOINT``.
    cache : Path, optional
        Folder of downloads; by default that of ``HF_HOME``.
    offline : bool
        Never connect to the hub, like ``HF_HUB_OFFLINE``.
    alternative : str
        What messages advise if a file cannot be downloaded.
    """

    releases: tuple[Release, ...]
    endpoint: str | None = None
    cache: Path | None = None
    offline: bool = False
    alternative: str = "give the path of a file, or use the model micro"

    def find(self, name: str) -> Release | None:
        """Return the model with a name, or None.

        Short names such as ``t``, ``sam2_b+`` and ``sam2.1-hiera-tiny`` are known too.
        """
        by_name = {known.name: known for known in self.releases}
        return by_name.get(name) or by_name.get(_full_name(name))

    def get(self, name: str) -> Release:
        """Return the model with a name.

        Raises
        ------
        CheckpointError
            If there is none; the message suggests similar names.
        """
        found = self.find(name)
        if found is None:
            names = [known.name for known in self.releases]
            close = get_close_matches(_full_name(name), names, n=3, cutoff=0.5) or names
            raise CheckpointError(
                f"There is no model {name!r}. Did you mean {' or '.join(close)}? "
                "To load a file, give its path."
            )
        return found


def _full_name(name: str) -> str:
    plain = name.strip().lower().removeprefix("facebook/").replace("-", "_")
    stem, _, size = plain.replace("base_plus", "b+").rpartition("_")
    full = _SHORT_SIZES.get(size, size)
    return f"{_SHORT_STEMS.get(stem, stem)}_{full}" if full in _SIZES else plain


def _released(name: str, parameters: int, download_bytes: int, good_for: str) -> Release:
    repository = f"facebook/{name.replace('_', '-')}"
    source = HubFile(repository, f"{name}.pt")
    return Release(MODEL_CONFIGS[name], parameters, download_bytes, good_for, source)


RELEASES = Registry(
    (
        _released("sam2.1_hiera_tiny", 38_962_498, 156_008_466, "interactive work on a CPU"),
        _released("sam2.1_hiera_small", 46_060_354, 184_416_285, "a little better than tiny"),
        _released("sam2.1_hiera_base_plus", 80_850_178, 323_606_802, "most work with a GPU"),
        _released("sam2.1_hiera_large", 224_446_642, 898_083_611, "the best masks, with a GPU"),
        _released("sam2_hiera_tiny", 38_945_986, 155_906_050, "repeating SAM 2.0 results"),
        _released("sam2_hiera_small", 46_043_842, 184_309_650, "repeating SAM 2.0 results"),
        _released("sam2_hiera_base_plus", 80_833_666, 323_493_298, "repeating SAM 2.0 results"),
        _released("sam2_hiera_large", 224_430_130, 897_952_466, "repeating SAM 2.0 results"),
        Release(MICRO, 4_515_234, 0, "first steps without a download", BUNDLED_MICRO),
    )
)
"""Meta's eight checkpoints and the bundled small model."""
