"""Fetch weights from the hub: cached, resumed, and checked against what the hub says of them."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sam2_model.checkpoint.registry import HubFile, Registry
from sam2_model.errors import CheckpointError

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes of the whole."""

_PAUSE = 1.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


def cached_file(registry: Registry, file: HubFile) -> Path | None:
    """Return where a file of the hub lies on this machine; None if it was never fetched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repository, file.filename, cache_dir=registry.cache)
    return Path(found) if isinstance(found, str) else None


def fetch(registry: Registry, file: HubFile, progress: Progress | None = None) -> Path:
    """Return a file of the hub, downloading it unless it is here.

    A download that the network breaks off is kept, and the next call goes on with it.

    Raises
    ------
    CheckpointError
        If there is no network or no space, or if what came is not what the hub lists.
    """
    from huggingface_hub import constants

    found = cached_file(registry, file)
    if found is not None:
        return found
    if registry.offline or constants.HF_HUB_OFFLINE:
        raise CheckpointError(
            f"{file.filename} of {file.repository} is not on this machine, and offline mode is on: "
            "unset HF_HUB_OFFLINE and offline, give a file by its path, or use the model micro."
        )
    # Which exceptions a failed connection raises depends on the hub client's HTTP library.
    try:
        return _download(registry, file, progress)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(_explain(file, error)) from error


def discard_damaged(path: Path) -> bool:
    """Delete a cached file whose content is not what the hub listed; whether it was so.

    The cache names contents by their sha256. Where it cannot (no symbolic links), nothing is done.
    """
    content = path.resolve()
    if not _SHA256.fullmatch(content.name) or _sha256(content) == content.name:
        return False
    path.unlink()
    content.unlink(missing_ok=True)
    return True


def _download(registry: Registry, file: HubFile, progress: Progress | None) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    url = hf_hub_url(file.repository, file.filename, endpoint=registry.endpoint)
    listed = get_hf_file_metadata(url, endpoint=registry.endpoint)
    if listed.etag is None or listed.commit_hash is None:
        raise CheckpointError(
            f"What answers at {url} is not the hub. Does this network want a login in the browser "
            "first? Is HF_ENDPOINT right?"
        )
    with _place(registry, file, listed.etag) as content:
        if not content.exists():
            _transfer(url, content, listed, progress)
    linked = hf_hub_download(
        file.repository, file.filename, cache_dir=registry.cache, endpoint=registry.endpoint
    )
    return Path(linked)


@contextmanager
def _place(registry: Registry, file: HubFile, etag: str) -> Iterator[Path]:
    """Lend the place of a content in the hub client's cache to one process at a time."""
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    cache = Path(registry.cache or constants.HF_HUB_CACHE)
    folder = f"models--{file.repository.replace('/', '--')}"
    lock, content = cache / ".locks" / folder / f"{etag}.lock", cache / folder / "blobs" / etag
    for path in (lock, content):
        path.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield content


def _transfer(url: str, content: Path, listed: HfFileMetadata, progress: Progress | None) -> None:
    """Fetch a content; a broken connection is taken up again as long as something comes."""
    partial = content.with_name(f"{content.name}.partial")
    here = -1
    while True:
        try:
            _append(url, partial, listed, progress)
            break
        except Exception as error:
            before, here = here, partial.stat().st_size if partial.exists() else 0
            if _is_useless(error, here):
                partial.unlink(missing_ok=True)
                raise
            if here <= before:
                raise
            time.sleep(_PAUSE)
    partial.replace(content)


def _append(url: str, partial: Path, listed: HfFileMetadata, progress: Progress | None) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    with partial.open("ab") as out:
        here = out.tell()
        _check_space(partial.parent, (listed.size or 0) - here)
        http_get(
            url,
            out,
            resume_size=here,
            headers=build_hf_headers(headers={"Accept-Encoding": "identity"}),
            expected_size=listed.size,
            displayed_filename=url.rpartition("/")[2],
            tqdm_class=None if progress is None else _reporting(progress),
        )
    _verify(partial, url, listed)


def _is_useless(error: Exception, here: int) -> bool:
    """Whether nothing can go on from what is here; it can after a broken connection."""
    from_the_network = getattr(error, "response", None) is not None
    return not here or (isinstance(error, CheckpointError | OSError) and not from_the_network)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"The disk of {folder} is too full: {needed / 1e6:.0f} MB are needed and "
            f"{free / 1e6:.0f} MB are free. Free some, or set HF_HOME to a folder elsewhere."
        )


def _verify(path: Path, url: str, listed: HfFileMetadata) -> None:
    size, wrong = path.stat().st_size, ""
    if listed.size is not None and size != listed.size:
        wrong = f"has {size} bytes and the hub lists {listed.size}"
    elif listed.etag is not None and _SHA256.fullmatch(listed.etag):
        digest = _sha256(path)
        if digest != listed.etag:
            wrong = f"has the sha256 {digest[:12]}... and the hub lists {listed.etag[:12]}..."
    if wrong:
        raise CheckpointError(
            f"What came from {url} {wrong}: it was deleted. Try again; if it happens again, "
            "something between here and the hub changes files."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _explain(file: HubFile, error: Exception) -> str:
    what = f"{file.filename} of {file.repository}"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"The hub answers {status} for {what}: try later, or give a file by its path."
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"The disk filled up while {what} came; nothing was left behind. Free some space."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{what} cannot be stored: {reason}. Set HF_HOME to a folder that can be written."
    if "Consistency check" in reason:
        return f"{what} was cut short on its way and deleted: try again. ({reason})"
    return (
        f"{what} is not on this machine and cannot be fetched: no network, or the hub is away. "
        "Connect and try again (what came already is kept), give a file by its path, or use the "
        f"model micro. ({reason})"
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
