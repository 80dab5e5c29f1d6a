"""A dask cluster in this process, and small stacks with prompts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.batch_files import BatchFiles, threads_cluster


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a scheduler with two workers, which are threads of this process."""
    pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with threads_cluster(2) as cluster:
            yield cluster.scheduler_address


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    """A folder of stacks with prompts."""
    return BatchFiles(tmp_path / "in").create()
