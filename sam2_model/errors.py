"""What can go wrong in the model package for a reason that the caller can mend."""


class SAM2Error(Exception):
    """Base of this package's errors; the message says what to do."""


class CheckpointError(SAM2Error):
    """Weights that cannot be loaded: wrong keys or shapes, damaged, unsafe or not reachable."""


class InputError(SAM2Error, ValueError):
    """An image, prompt or setting that cannot be used."""


class DeviceError(SAM2Error, RuntimeError):
    """A device that is absent, or whose memory does not suffice."""
