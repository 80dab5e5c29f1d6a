"""Connections to a dask scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
_WORKERS = "workers"


def is_address(device: str) -> bool:
    """Return whether a device is the address of a scheduler, e.g. ``"tcp://host:8786"``."""
    return "://" in device


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """The scheduler whose workers run a model.

    Parameters
    ----------
    scheduler : str
        Address, e.g. ``"tcp://host:8786"``.
    workers : int
        Number of workers that objects are shared out over.
    """

    scheduler: str
    workers: int = 1

    @classmethod
    def parse(cls, device: str) -> WorkerAddress:
        """Return the address of a device, e.g. ``"tcp://host:8786?workers=4"``.

        Raises
        ------
        UserError
            If there is another option than a number of workers.
        """
        scheduler, _, options = device.partition("?")
        if not options:
            return cls(scheduler)
        name, _, number = options.partition("=")
        if name != _WORKERS or not number.isdecimal() or int(number) < 1:
            raise UserError(
                f"Cannot read {options!r} of the device {device}. Write tcp://HOST:8786?workers=4."
            )
        return cls(scheduler, int(number))


def check_installed() -> None:
    """Check that dask.distributed is installed.

    Raises
    ------
    UserError
        If it is not.
    """
    if find_spec("distributed") is None:
        raise UserError(
            "This needs dask.distributed. Install it: pip install 'napari-sam2[cluster]'"
        )


def connect_client(address: str, timeout: float = CONNECT_SECONDS) -> Client:
    """Return a client of a running scheduler, to be closed by the caller.

    Raises
    ------
    UserError
        If no scheduler answers, or dask.distributed is not installed.
    """
    check_installed()
    from distributed import Client

    try:
        return Client(address, timeout=timeout, set_as_default=False, direct_to_workers=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"No scheduler answers at {address}. Start one with dask scheduler, and give the "
            "address that it prints."
        ) from error
