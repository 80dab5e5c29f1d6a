"""The models that can be loaded: name, size, license and download state of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_sam2.core.background_imports import responsive_imports
from napari_sam2.core.errors import UserError
from napari_sam2.inference.remote.scheduler import is_address
from napari_sam2.inference.torch_libraries import load_torch_libraries

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from sam2_model.checkpoint.registry import Registry

Progress = Callable[[int, int], None]
"""Called with the numbers of downloaded and of all bytes."""

AUTO_MODEL = "auto"
"""Name of the default model: a downloaded SAM 2.1, else ``BUNDLED``."""
AUTO_DEVICE = "auto"
"""Name of the default device: a GPU where there is one, else the CPU."""
AUTO_DTYPE = "auto"
"""Name of the default number format: the fastest one that is accurate enough on the device."""
DTYPES = (AUTO_DTYPE, "float32", "mixed", "bfloat16", "float16")
"""Names of the number formats."""
BUNDLED = "micro"
"""Name of the model that is part of the installation."""
_STEMS = {"sam2.1_hiera_": "SAM 2.1 ", "sam2_hiera_": "SAM 2.0 "}


class LoadCancelled(BaseException):
    """The user cancelled a download. It is not an Exception, so that no retry catches it."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of a model that can be loaded by its name.

    Parameters
    ----------
    name : str
        Name for :func:`napari_sam2.inference.sam2_predictor.load_predictor`.
    parameters : int
        Number of weights.
    license : str
        SPDX identifier of the weights' license.
    download_bytes : int
        Size of the download; 0 if the model comes with the package.
    good_for : str
        Recommended use, one line.
    is_here : bool
        Whether it can be used without a network.
    """

    name: str
    parameters: int
    license: str
    download_bytes: int
    good_for: str
    is_here: bool

    @property
    def title(self) -> str:
        """Name for display, e.g. ``"SAM 2.1 base plus"``."""
        for stem, words in _STEMS.items():
            if self.name.startswith(stem):
                return words + self.name.removeprefix(stem).replace("_", " ")
        return self.name

    @property
    def state(self) -> str:
        """``"ready"``, or the size of the download."""
        if self.is_here:
            return "ready"
        size = f"{self.download_bytes / 1e6:.0f} MB to download"
        return size if self.download_bytes else "not in this installation"

    @property
    def about(self) -> str:
        """One paragraph on use, size, license and download state."""
        count = f"{self.parameters / 1e6:.1f} million weights"
        return f"Good for {self.good_for}. {count}, license {self.license}, {self.state}."

    def is_called(self, name: str) -> bool:
        """Return whether ``name`` is a name of this model; sizes without version mean SAM 2.1."""
        return (
            name in (self.name, f"{self.name} (untrained)") or self.name == f"sam2.1_hiera_{name}"
        )


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model to load, and how it computes.

    Parameters
    ----------
    model : str
        Name of a model, or path of a weights file.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or the address of a dask
        scheduler, e.g. ``"tcp://host:8786"``.
    dtype : str
        Number format, one of ``DTYPES``.
    input_size : int or None
        Side of the square input in pixels, a multiple of 32; None for that of the training.
    """

    model: str = BUNDLED
    device: str = AUTO_DEVICE
    dtype: str = AUTO_DTYPE
    input_size: int | None = None


class ModelCatalog(Protocol):
    """A list of models and their loader. Methods take seconds to minutes: run them in a thread."""

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the models, without connecting to the hub."""

    def load(self, choice: ModelChoice, progress: Progress) -> Predictor:
        """Load a model, downloading it if necessary."""


@dataclass(frozen=True)
class HubCatalog:
    """The released models, which are downloaded once, and ``micro``, which comes with the package.

    Parameters
    ----------
    registry : Registry or None
        The models that have names and their hub; None for the released models.
    """

    registry: Registry | None = None

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the models, ``micro`` first, without connecting to the hub."""
        _import_model()
        from sam2_model.checkpoint import available_models
        from sam2_model.checkpoint.registry import RELEASES

        entries = available_models(self.registry or RELEASES)
        cards = [
            ModelCard(e.name, e.parameters, e.license, e.download_bytes, e.good_for, e.is_here)
            for e in entries
        ]
        return tuple(sorted(cards, key=lambda card: card.name != BUNDLED))

    def load(self, choice: ModelChoice, progress: Progress) -> Predictor:
        """Load a model, downloading it if necessary.

        Raises
        ------
        SAM2Error
            If the model cannot be loaded or the device does not exist.
        LoadCancelled
            If ``progress`` raises it.
        """
        if is_address(choice.device):
            return predictor_of(choice.model, choice.device, choice.dtype, choice.input_size)
        _import_model()
        from napari_sam2.inference.sam2_predictor import load_predictor

        return load_predictor(
            choice.model,
            choice.device,
            dtype=choice.dtype,
            input_size=choice.input_size,
            progress=progress,
            registry=self.registry,
        )


class PredictorLoader(Protocol):
    """Loads a model by name; :func:`predictor_of` and functions that keep the model."""

    def __call__(
        self, model: str | Path, device: str, dtype: str, input_size: int | None, /
    ) -> Predictor:
        """Return the predictor of a model, see :func:`predictor_of`."""


def predictor_of(
    model: Predictor | str | Path,
    device: str = AUTO_DEVICE,
    dtype: str = AUTO_DTYPE,
    input_size: int | None = None,
) -> Predictor:
    """Return a predictor as it is, or load the model with a name or path.

    Parameters
    ----------
    model : Predictor, str or Path
        A predictor, or what :func:`napari_sam2.load_predictor` loads.
    device, dtype, input_size
        As in :func:`napari_sam2.load_predictor`. A device may also be the address of a dask
        scheduler, e.g. ``"tcp://host:8786"``: the model runs on one of its workers then.

    Raises
    ------
    UserError
        If a number format or an input size is given with a predictor, which has its own, or the
        worker at an address cannot be used.
    SAM2Error
        If the model cannot be loaded or the device does not exist.
    """
    if not isinstance(model, str | Path):
        if (dtype, input_size) != (AUTO_DTYPE, None):
            raise UserError(
                "dtype and input_size do not apply to a model that is loaded already. Give them to "
                "load_predictor."
            )
        return model
    if is_address(device):
        from napari_sam2.inference.remote.shared import connect_predictor

        return connect_predictor(
            device, partial(predictor_of, model, AUTO_DEVICE, dtype, input_size)
        )
    from napari_sam2.inference.sam2_predictor import load_predictor

    return load_predictor(model, device, dtype=dtype, input_size=input_size)


def _import_model() -> None:
    """Import the modules of the model, while other threads run."""
    load_torch_libraries()
    with responsive_imports():
        from napari_sam2.inference import sam2_predictor  # noqa: F401


def find_card(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """Return the card of the model with a name, or None."""
    return next((card for card in cards if card.is_called(name)), None)


def smaller_than(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """Return the largest downloaded model that is smaller than the named one, or None.

    The size of a weights file is not known: for a file it is the smallest downloaded model.
    """
    known = tuple(cards)
    here = sorted((card for card in known if card.is_here), key=lambda card: card.parameters)
    used = find_card(known, name)
    smaller = [card for card in here if used is not None and card.parameters < used.parameters]
    if used is None:
        smaller = here[:1]
    return smaller[-1] if smaller else None


def larger_than(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """Return the model to use where the named one is too weak, or None.

    It is the smallest larger one, a downloaded one if there is any; SAM 2.1 rather than 2.0.
    """
    known = tuple(cards)
    used = find_card(known, name)
    if used is None:
        return None
    larger = [card for card in known if card.parameters > used.parameters]
    larger = [card for card in larger if card.is_here or card.download_bytes]
    return min(
        larger,
        key=lambda card: (not card.is_here, card.parameters, not card.name.startswith("sam2.1")),
        default=None,
    )
