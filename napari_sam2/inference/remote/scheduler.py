"""Connections to a dask scheduler."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0


def is_address(device: str) -> bool:
    """Return whether a device is the address of a scheduler, e.g. ``"tcp://host:8786"``."""
    return "://" in device


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
