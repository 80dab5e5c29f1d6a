"""The models to choose from: what people want to know of them, and how one is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from sam2_model.checkpoint.registry import Registry

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes of the whole download."""

AUTO_MODEL = "auto"
"""Name of the default model: a downloaded SAM 2.1, else ``BUNDLED``."""
AUTO_DEVICE = "auto"
"""Name of the default device: a GPU where there is one, else the CPU."""
BUNDLED = "micro"
"""Name of the model that is part of the installation."""
_STEMS = {"sam2.1_hiera_": "SAM 2.1 ", "sam2_hiera_": "SAM 2.0 "}


class LoadCancelled(BaseException):
    """The user stopped a download. Not an Exception: what retries downloads must not catch it."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What people want to know of a model before they choose it.

    Parameters
    ----------
    name : str
        For :func:`napari_sam2.inference.sam2_predictor.load_predictor`.
    parameters : int
        Number of weights.
    licence : str
        SPDX identifier.
    download_bytes : int
        Size of the download; 0 where the model comes along.
    good_for : str
        One line.
    is_here : bool
        Whether it can be used without a network.
    """

    name: str
    parameters: int
    licence: str
    download_bytes: int
    good_for: str
    is_here: bool

    @property
    def title(self) -> str:
        """E.g. ``"SAM 2.1 base plus"``."""
        for stem, words in _STEMS.items():
            if self.name.startswith(stem):
                return words + self.name.removeprefix(stem).replace("_", " ")
        return self.name

    @property
    def state(self) -> str:
        """``"ready"``, or what is to be downloaded."""
        if self.is_here:
            return "ready"
        size = f"{self.download_bytes / 1e6:.0f} MB to download"
        return size if self.download_bytes else "not in this installation"

    @property
    def about(self) -> str:
        """One paragraph."""
        count = f"{self.parameters / 1e6:.1f} million weights"
        return f"Good for {self.good_for}. {count}, licence {self.licence}, {self.state}."

    def is_called(self, name: str) -> bool:
        """Whether a name means this model; sizes alone mean SAM 2.1."""
        return (
            name in (self.name, f"{self.name} (untrained)") or self.name == f"sam2.1_hiera_{name}"
        )


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What is to be loaded.

    Parameters
    ----------
    model : str
        A name, or the path of a file of weights.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    """

    model: str = BUNDLED
    device: str = AUTO_DEVICE


class ModelCatalog(Protocol):
    """Where models come from; its methods take seconds to minutes and run off the GUI thread."""

    def cards(self) -> tuple[ModelCard, ...]:
        """Return what there is, without asking the network."""

    def load(self, choice: ModelChoice, progress: Progress) -> Predictor:
        """Load a model, downloading it unless it is here."""


@dataclass(frozen=True)
class HubCatalog:
    """The released models, fetched from the hub once, and ``micro``, which comes along.

    Parameters
    ----------
    registry : Registry or None
        Other named models, or another hub.
    """

    registry: Registry | None = None

    def cards(self) -> tuple[ModelCard, ...]:
        """Return what there is, ``micro`` first, without asking the network."""
        from sam2_model.checkpoint import available_models
        from sam2_model.checkpoint.registry import RELEASES

        entries = available_models(self.registry or RELEASES)
        cards = [
            ModelCard(e.name, e.parameters, e.licence, e.download_bytes, e.good_for, e.is_here)
            for e in entries
        ]
        return tuple(sorted(cards, key=lambda card: card.name != BUNDLED))

    def load(self, choice: ModelChoice, progress: Progress) -> Predictor:
        """Load a model, downloading it unless it is here.

        Raises
        ------
        SAM2Error
            If the model or the device cannot be had.
        LoadCancelled
            If ``progress`` raised it; what came already is kept for the next time.
        """
        from napari_sam2.inference.sam2_predictor import load_predictor

        return load_predictor(
            choice.model, choice.device, progress=progress, registry=self.registry
        )


def find_card(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """Return the card of a model, or None."""
    return next((card for card in cards if card.is_called(name)), None)


def smaller_than(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """Return the largest model that is here and smaller than the one named, or None.

    Of a file of weights the size is not known: then it is the smallest that is here.
    """
    known = tuple(cards)
    here = sorted((card for card in known if card.is_here), key=lambda card: card.parameters)
    used = find_card(known, name)
    smaller = [card for card in here if used is not None and card.parameters < used.parameters]
    if used is None:
        smaller = here[:1]
    return smaller[-1] if smaller else None
