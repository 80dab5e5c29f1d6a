"""Errors that the caller can fix."""


class SAM2Error(Exception):
    """Base class of this package's errors; the message states how to fix the error."""


class CheckpointError(SAM2Error):
    """Weights cannot be loaded: wrong keys or shapes, damaged, unsafe or not available."""


class InputError(SAM2Error, ValueError):
    """An image, prompt or setting cannot be used."""


class DeviceError(SAM2Error, RuntimeError):
    """A device does not exist, or its memory is too small."""
