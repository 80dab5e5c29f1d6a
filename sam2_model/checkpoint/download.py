"""Fetch weights from the hub: cached, resumed, and checked against what the hub says of them."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sam2_model.checkpoint.registry import HubFile, Registry
from sam2_model.errors import CheckpointError

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes of the whole."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def cached_file(registry: Registry, file: HubFile) -> Path | None:
    """Return where a file of the hub lies on this machine; None if it was never fetched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repository, file.filename, cache_dir=registry.cache)
    return Path(found) if isinstance(found, str) else None


def fetch(registry: Registry, file: HubFile, progress: Progress | None = None) -> Path:
    """Return a file of the hub, downloading it unless it is here.

    Raises
    ------
    CheckpointError
        If there is no network or no space, or if what came is not what the hub lists.
    """
    found = cached_file(registry, file)
    if found is not None:
        return found
    # Which exceptions a failed connection raises depends on the hub client's HTTP library.
    try:
        return _download(registry, file, progress)
    except CheckpointError:
        raise
    except Exception as error:
        _drop_partial(registry, file)
        raise CheckpointError(_explain(file, error)) from error


def _download(registry: Registry, file: HubFile, progress: Progress | None) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    repository, name, endpoint = file.repository, file.filename, registry.endpoint
    url = hf_hub_url(repository, name, endpoint=endpoint)
    listed = get_hf_file_metadata(url, endpoint=endpoint)
    _check_space(_cache_folder(registry), listed.size or 0)
    path = Path(
        hf_hub_download(
            repository,
            name,
            cache_dir=registry.cache,
            endpoint=endpoint,
            tqdm_class=None if progress is None else _reporting(progress),
        )
    )
    _verify(path, listed.size, listed.etag)
    return path


def _cache_folder(registry: Registry) -> Path:
    from huggingface_hub import constants

    return Path(registry.cache or constants.HF_HUB_CACHE)


def _check_space(folder: Path, needed: int) -> None:
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CheckpointError(
            f"The disk of {folder} is too full: {needed / 1e6:.0f} MB are needed and "
            f"{free / 1e6:.0f} MB are free. Free some, or set HF_HOME to a folder elsewhere."
        )


def _verify(path: Path, size: int | None, etag: str | None) -> None:
    wrong = ""
    if size is not None and path.stat().st_size != size:
        wrong = f"has {path.stat().st_size} bytes and the hub lists {size}"
    elif etag is not None and _SHA256.fullmatch(etag):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != etag:
            wrong = f"has the sha256 {digest[:12]}... and the hub lists {etag[:12]}..."
    if wrong:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise CheckpointError(
            f"What came as {path.name} {wrong}: it was deleted. Try again; if it happens again, "
            "something between here and the hub changes files."
        )


def _drop_partial(registry: Registry, file: HubFile) -> None:
    folder = _cache_folder(registry) / f"models--{file.repository.replace('/', '--')}" / "blobs"
    for partial in folder.glob("*.incomplete"):
        partial.unlink(missing_ok=True)


def _explain(file: HubFile, error: BaseException) -> str:
    what = f"{file.filename} of {file.repository}"
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "errno", None) == errno.ENOSPC or "No space left" in str(cause):
            return (
                f"The disk filled up while {what} came; nothing was left behind. Free some space."
            )
        cause = cause.__cause__ or cause.__context__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"The hub answers {status} for {what}: try later, or give a file by its path."
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "Consistency check" in reason:
        return f"{what} was cut short on its way and deleted: try again. ({reason})"
    return (
        f"{what} is not on this machine and cannot be fetched: no network, or the hub is away. "
        f"Connect and try again, give a file by its path, or use the model micro. ({reason})"
    )


def _reporting(progress: Progress) -> type[Any]:
    """Return a progress bar that draws nothing and calls back instead."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reporter(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.here = int(options.get("initial") or 0)
            self.whole = int(options.get("total") or 0)
            cast(Any, super()).__init__(*args, **(options | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self.here += int(n or 0)
            progress(self.here, self.whole)

    return Reporter
