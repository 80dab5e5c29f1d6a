"""Connect to a dask cluster: on this computer, at an address, or of SLURM."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from napari_sam2.batch.job_file import read_yaml
from napari_sam2.core.errors import UserError
from napari_sam2.inference.remote.scheduler import check_installed, connect_client

if TYPE_CHECKING:
    from distributed import Client

_LOOPBACK = "127.0.0.1"
_JOBS = "jobs"


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """The cluster to use; by default a worker for each GPU of this computer, at least one.

    Parameters
    ----------
    scheduler : str or None
        Address of a running scheduler, e.g. ``"tcp://host:8786"``.
    workers : int or None
        Number of workers to start on this computer.
    slurm : Path or None
        YAML file with ``jobs``, the number of workers, and arguments of
        ``dask_jobqueue.SLURMCluster``.
    """

    scheduler: str | None = None
    workers: int | None = None
    slurm: Path | None = None

    def __post_init__(self) -> None:
        if sum(option is not None for option in (self.scheduler, self.workers, self.slurm)) > 1:
            raise UserError("Give one of --scheduler, --workers and --slurm.")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers cannot compute anything. Give at least 1.")


def connect(options: ClusterOptions) -> AbstractContextManager[Client]:
    """Return a context with a client; what was started for it is stopped at its end.

    Raises
    ------
    UserError
        If no scheduler answers at the address, or a package or the SLURM file is missing or wrong.
    """
    check_installed()
    if options.scheduler is not None:
        return connect_client(options.scheduler)
    if options.slurm is not None:
        return _slurm(options.slurm)
    return _local(options.workers or _gpu_count() or 1)


@contextmanager
def worker_environment(threads: int) -> Iterator[None]:
    """Return a context in which workers of this computer are started with a number of threads.

    Variables of the environment take precedence.
    """
    import dask

    variables = _environment(threads)
    absent = variables.keys() - os.environ.keys()
    try:
        with dask.config.set({"distributed.nanny.pre-spawn-environ": variables}):
            yield
    finally:
        # dask has set them in this process, too, where they would change later workers.
        for name in absent:
            os.environ.pop(name, None)


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker.

    dask sets one thread, and makes glibc return all free memory to the system, which halves the
    speed on a CPU.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    malloc = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
    return dict.fromkeys(names, str(threads)) | malloc


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    # Lost workers are started again, so that the context lasts as long as the cluster.
    with worker_environment(max(1, (os.cpu_count() or 1) // workers)):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=_LOOPBACK,
            dashboard_address=f"{_LOOPBACK}:0",
            worker_dashboard_address=f"{_LOOPBACK}:0",
            silence_logs=ERROR,
        )
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _slurm(path: Path) -> Iterator[Client]:
    from distributed import Client

    arguments = slurm_arguments(path)
    jobs = arguments.pop(_JOBS)
    if which("sbatch") is None:
        raise UserError(
            "There is no command sbatch on this computer. Use --slurm where jobs are submitted."
        )
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise UserError(
            "--slurm needs dask-jobqueue. Install it: pip install 'napari-sam2[cluster]'"
        ) from error
    try:
        cluster = SLURMCluster(**arguments)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path.name} does not describe a SLURM cluster: {error}. See the arguments of "
            "dask_jobqueue.SLURMCluster."
        ) from error
    with cluster, Client(cluster, set_as_default=False) as client:
        cluster.scale(jobs=jobs)
        yield client


def slurm_arguments(path: Path) -> dict[str, Any]:
    """Return the arguments of a SLURM cluster whose workers segment one stack at a time.

    ``cores`` of the file are those of a job; the worker of a job runs one task at a time on them.

    Raises
    ------
    UserError
        If the file is missing or no YAML, or has no number of jobs.
    """
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path.name} is not a mapping. Write lines of the form key: value.")
    arguments = {key.replace("-", "_"): _typed(value) for key, value in content.items()}
    jobs, cores = arguments.get(_JOBS), arguments.pop("cores", 1)
    if not isinstance(jobs, int) or jobs < 1:
        raise UserError(f"{path.name} has no number of workers. Add jobs: 4.")
    if not isinstance(cores, int) or cores < 1:
        raise UserError(f"{path.name}: cores is not a number. Write e.g. cores: 8.")
    prologue = arguments.pop("job_script_prologue", [])
    if not isinstance(prologue, list):
        raise UserError(f"{path.name}: job_script_prologue is not a list. Write [command, ...].")
    exports = [f"export {name}={value}" for name, value in _environment(cores).items()]
    own = {"cores": 1, "processes": 1, "job_script_prologue": [*exports, *prologue]}
    return {"job_cpu": cores, **arguments, **own}


def _typed(value: Any) -> Any:
    """Return a text as a number or a truth value if it is one."""
    if not isinstance(value, str):
        return value
    truths = {"true": True, "false": False}
    return int(value) if value.isdecimal() else truths.get(value.lower(), value)


def _gpu_count() -> int:
    import torch

    return torch.cuda.device_count()
