"""Download of weights from the Hugging Face hub, into the cache of ``huggingface_hub``."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sam2_model.checkpoint.registry import HubFile, Registry
from sam2_model.errors import CheckpointError

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

Progress = Callable[[int, int], None]
"""Called with the number of bytes downloaded so far and the number of all bytes."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def cached_file(registry: Registry, file: HubFile) -> Path | None:
    """Return the path of a hub file in the cache, or None if it was not downloaded."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repository, file.filename, cache_dir=registry.cache)
    return Path(found) if isinstance(found, str) else None


def fetch(registry: Registry, file: HubFile, progress: Progress | None = None) -> Path:
    """Return the path of a hub file, downloading it if it is not in the cache.

    Parameters
    ----------
    registry : Registry
        Hub and cache folder.
    file : HubFile
        The file.
    progress : callable, optional
        Called during the download; its exceptions cancel the download.

    Raises
    ------
    CheckpointError
        If there is no network or not enough disk space, or if the downloaded file differs from
        what the hub lists.
    """
    found = cached_file(registry, file)
    if found is not None:
        return found
    _check_online(registry, file)
    # Which exceptions a failed connection raises depends on the hub client's HTTP library.
    try:
        return _download(registry, file, progress)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(_explain(registry, file, error)) from error


def fetch_with_files(
    registry: Registry,
    weights: HubFile,
    suffixes: Collection[str],
    progress: Progress | None = None,
) -> Path:
    """Return the path of weights on the hub with the other files of their folder beside them.

    The weights are downloaded last. Where they are in the cache, nothing is downloaded.

    Parameters
    ----------
    registry : Registry
        Hub and cache folder.
    weights : HubFile
        The file of the weights.
    suffixes : collection of str
        Endings of the names of the other files, e.g. ``".json"``; those of sub-folders are left
        out.
    progress : callable, optional
        Called during the download with bytes of all files; its exceptions cancel the download.

    Raises
    ------
    CheckpointError
        As in :func:`fetch`.
    """
    found = cached_file(registry, weights)
    if found is not None:
        return found
    _check_online(registry, weights)
    try:
        return _download_with_files(registry, weights, suffixes, progress)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(_explain(registry, weights, error)) from error


def _download_with_files(
    registry: Registry, weights: HubFile, suffixes: Collection[str], progress: Progress | None
) -> Path:
    _listed_file(registry, weights)  # Fails if the server is not the hub.
    sizes = _listed_sizes(registry, weights.repository)
    others = {name for name in sizes if "/" not in name and Path(name).suffix in suffixes}
    names = [*sorted(others - {weights.filename}), weights.filename]
    total, done = sum(sizes.get(name, 0) for name in names), 0
    for name in names:
        report = None if progress is None else partial(_report_part, progress, done, total)
        path = _download(registry, HubFile(weights.repository, name), report)
        done += sizes.get(name, 0)
    return path


def _listed_sizes(registry: Registry, repository: str) -> dict[str, int]:
    """Return the files of a repository with their sizes in bytes."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=registry.endpoint)
    info = api.model_info(repository, files_metadata=True)
    return {file.rfilename: file.size or 0 for file in info.siblings or ()}


def _report_part(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


def _check_online(registry: Registry, file: HubFile) -> None:
    """Raise CheckpointError if a file that is not in the cache may not be downloaded."""
    from huggingface_hub import constants

    if registry.offline or constants.HF_HUB_OFFLINE:
        raise CheckpointError(
            f"{file.filename} of {file.repository} is not on this machine, and offline mode is on: "
            f"unset HF_HUB_OFFLINE and offline, {registry.alternative}."
        )


def discard_damaged(path: Path) -> bool:
    """Delete a cached file with the wrong content, and return whether it was deleted.

    The cache names a content by its sha256 hash. Caches without symbolic links do not, and their
    files are never deleted.
    """
    content = path.resolve()
    if not _SHA256.fullmatch(content.name) or _sha256(content) == content.name:
        return False
    _delete(path)
    return True


def _download(registry: Registry, file: HubFile, progress: Progress | None) -> Path:
    from huggingface_hub import constants, hf_hub_download

    url, listed = _listed_file(registry, file)
    _check_space(Path(registry.cache or constants.HF_HUB_CACHE), listed.size or 0)
    path = hf_hub_download(
        file.repository,
        file.filename,
        cache_dir=registry.cache,
        endpoint=registry.endpoint,
        tqdm_class=None if progress is None else _progress_bar(progress),
    )
    _verify(Path(path), url, listed)
    if progress is not None and listed.size:
        # A Xet download calls back from another thread and can lose the exception that cancels it.
        progress(listed.size, listed.size)
    return Path(path)


def _listed_file(registry: Registry, file: HubFile) -> tuple[str, HfFileMetadata]:
    """Return the address of a file on the hub, and what the hub lists of it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(file.repository, file.filename, endpoint=registry.endpoint)
    listed = get_hf_file_metadata(url, endpoint=registry.endpoint)
    if listed.etag is None or listed.commit_hash is None:
        raise CheckpointError(
            f"The server at {url} is not the Hugging Face hub. If this network needs a login in "
            "the browser, log in first; check HF_ENDPOINT if it is set."
        )
    return url, listed


def _check_space(folder: Path, needed: int) -> None:
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CheckpointError(
            f"The disk of {folder} is too full: {needed / 1e6:.0f} MB are needed and "
            f"{free / 1e6:.0f} MB are free. Free some space, or set HF_HOME to another folder."
        )


def _verify(path: Path, url: str, listed: HfFileMetadata) -> None:
    """Delete a downloaded file that does not have the sha256 hash that the hub lists."""
    if listed.etag is None or not _SHA256.fullmatch(listed.etag):
        return
    digest = _sha256(path)
    if digest != listed.etag:
        _delete(path)
        raise CheckpointError(
            f"The download from {url} has the sha256 {digest[:12]}... and the hub lists "
            f"{listed.etag[:12]}...: it was deleted. Try again; if it happens again, a proxy "
            "between this machine and the hub changes files."
        )


def _delete(path: Path) -> None:
    content = path.resolve()
    path.unlink()
    content.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _explain(registry: Registry, file: HubFile, error: Exception) -> str:
    name = f"{file.filename} of {file.repository}"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"The hub answers {status} for {name}: try later, {registry.alternative}."
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"The disk filled up while {name} was downloaded. Free some space and try again."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{name} cannot be stored: {reason}. Set HF_HOME to a folder that can be written."
    if "Consistency check" in reason:
        return f"The download of {name} was cut short and deleted: try again. ({reason})"
    return (
        f"{name} is not on this machine and cannot be downloaded: there is no network, or the hub "
        f"is not reachable. Connect and try again, {registry.alternative}. "
        f"({reason})"
    )


def _progress_bar(progress: Progress) -> type[Any]:
    """Return a progress bar class that calls ``progress`` and draws nothing."""
    from huggingface_hub.utils.tqdm import tqdm

    class ProgressBar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.done = int(options.get("initial") or 0)
            self.whole = int(options.get("total") or 0)
            cast(Any, super()).__init__(*args, **(options | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            progress(self.done, self.whole)

        def update_transfer(self, n: float) -> None:
            """Ignore bytes on the network, which Xet downloads report besides stored bytes."""

        def set_transfer_postfix_str(self, *args: Any, **options: Any) -> None:
            """Ignore the rate of bytes on the network."""

    return ProgressBar
