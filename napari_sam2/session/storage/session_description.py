"""What a session folder states about its image, model and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from napari_sam2.core.errors import UserError
from napari_sam2.core.json_reader import JsonNode
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import Stack
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.run_description import ModelIdentity, RunDifference, RunPart
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

_Value = TypeVar("_Value")
_FIELDS = ("source", "name", "axes", "native_axes", "shape", "along", "channels", "scene")
_SERIES = "series"
"""Missing in sessions of one axis that were saved before there were others."""


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """The image, the model and the settings of a session.

    Parameters
    ----------
    source : str
        Path of the image; "" if it has no file.
    name : str
        Name of the image.
    axes : str
        Its axes, in the order of ``"TCZYXS"``.
    native_axes : str
        The same letters in the order of the image's arrays.
    shape : tuple of int
        Its lengths along ``axes``.
    along : str
        The propagated axis, lower case.
    channels : tuple of int
        The channels that are read.
    scene : str or None
        The image that is open in a file of several.
    intensity : Intensity
        Converts raw values to the image that the model is shown.
    settings : SessionSettings
        Settings that change results or resources.
    model : ModelIdentity
        The model.
    input : Fingerprint or None
        Sample of the pixels; None if it was not computed yet.
    series : bool
        Whether objects are tracked along t too, from volume to volume.
    """

    source: str
    name: str
    axes: str
    native_axes: str
    shape: tuple[int, ...]
    along: str
    channels: tuple[int, ...]
    scene: str | None
    intensity: Intensity
    settings: SessionSettings
    model: ModelIdentity
    input: Fingerprint | None = None
    series: bool = False

    @property
    def axis_choice(self) -> str:
        """The propagated axis, or ``"t,z"`` for a series of volumes."""
        return TIME_AND_DEPTH if self.series else self.along

    @classmethod
    def of(
        cls, stack: Stack, predictor: Predictor, intensity: Intensity, settings: SessionSettings
    ) -> SessionDescription:
        """Describe a session; no pixels are read."""
        return cls(
            source=source_path(stack),
            name=stack.name,
            axes=stack.axes,
            native_axes=stack.native_axes,
            shape=stack.full_shape,
            along=stack.along,
            channels=tuple(stack.layout.channels),
            scene=stack.source.scene,
            intensity=intensity,
            settings=settings,
            model=ModelIdentity.of(predictor.info),
        )

    def with_input(self, stack: Stack) -> SessionDescription:
        """Return the description with the fingerprint of the input, which reads some pixels."""
        return replace(self, input=Fingerprint.of(stack))

    def check_shape(self, stack: Stack) -> None:
        """Raise UserError unless a stack has the axes and the shape of the session's image."""
        before = (self.axes, self.shape, self.along)
        now = (stack.axes, stack.full_shape, stack.along)
        if before != now:
            raise UserError(
                f"The session is of an image with axes {before[0]}, shape {before[1]}, along "
                f"{before[2]}; this one has axes {now[0]}, shape {now[1]}, along {now[2]}. Open "
                "the image of the session."
            )

    def differences(self, now: SessionDescription) -> tuple[RunDifference, ...]:
        """Return how model and input have changed since the session was saved."""
        found: list[RunDifference] = []
        if self.model != now.model:
            found.append(RunDifference.of_models(self.model, now.model))
        if self.input is not None and now.input is not None:
            texts = self.input.differences(now.input)
            found += [RunDifference(RunPart.INPUT, text) for text in texts]
        elif (self.axes, self.shape) != (now.axes, now.shape):
            text = f"was {self.axes} {self.shape}, now {now.axes} {now.shape}"
            found.append(RunDifference(RunPart.INPUT, text))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return a value that :mod:`json` can write; see :meth:`from_json`."""
        return {
            "image": {name: getattr(self, name) for name in (*_FIELDS, _SERIES)},
            "intensity": intensity_to_json(self.intensity),
            "settings": self.settings.to_json(),
            "model": self.model.to_json(),
            "input": None if self.input is None else self.input.to_json(),
        }

    @classmethod
    def from_json(cls, parts: Mapping[str, JsonNode]) -> SessionDescription:
        """Return the description from the values of :meth:`to_json`.

        Raises
        ------
        UserError
            If a value is missing or damaged.
        """
        image = parts["image"].fields(_FIELDS, (_SERIES,))
        scene, stored = image["scene"].value, parts["input"].value
        return cls(
            source=image["source"].text(),
            name=image["name"].text(),
            axes=image["axes"].text(),
            native_axes=image["native_axes"].text(),
            shape=tuple(node.integer() for node in image["shape"].items()),
            along=image["along"].text(),
            channels=tuple(node.integer() for node in image["channels"].items()),
            scene=None if scene is None else str(scene),
            intensity=_read(parts["intensity"], intensity_from_json),
            settings=_read(parts["settings"], SessionSettings.from_json),
            model=_read(parts["model"], ModelIdentity.from_json),
            input=None if stored is None else Fingerprint.from_json(stored),
            series=_SERIES in image and image[_SERIES].boolean(),
        )


def source_path(stack: Stack) -> str:
    """Return the file or folder of a stack, "" if it has none."""
    files = stack.source.files
    if not files:
        return ""
    folder = files[0].parent
    whole = all(path.parent == folder for path in files) and folder.name == stack.source.name
    return str((folder if whole else files[0]).absolute())


def _read(node: JsonNode, parse: Callable[[Any], _Value]) -> _Value:
    try:
        return parse(node.value)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{node.place} is damaged: {error}.") from error


def intensity_to_json(intensity: Intensity) -> dict[str, Any]:
    """Return a value that :mod:`json` can write; see :func:`intensity_from_json`."""
    return {
        "limits": intensity.limits,
        "gamma": intensity.gamma,
        "colors": intensity.colors,
    }


def intensity_from_json(value: Mapping[str, Any]) -> Intensity:
    """Return the intensity from the value of :func:`intensity_to_json`."""
    limits = tuple((float(low), float(high)) for low, high in value["limits"])
    colors = tuple((float(r), float(g), float(b)) for r, g, b in value["colors"])
    return Intensity(limits, tuple(map(float, value["gamma"])), colors, origin="the session")
