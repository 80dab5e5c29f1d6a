"""How long the import of the model keeps other threads from running.

    python -m tests.benchmarks.model_import
    python -m tests.benchmarks.model_import --plain

A thread imports the modules of the model and loads ``micro`` beside the modules of napari and the
widget, as when the dock is opened; another one sleeps for 2 ms at a time and notes how late it
wakes up. With ``--plain`` the modules are imported by a plain import statement.
"""

from __future__ import annotations

import importlib
import time
from threading import Thread

from napari_sam2.inference.model_catalog import BUNDLED, HubCatalog, ModelChoice
from tests.benchmarks.measuring import parser, report

SLEEP_SECONDS = 0.002


def load(plain: bool) -> None:
    if plain:
        importlib.import_module("napari_sam2.inference.sam2_predictor")
    HubCatalog().load(ModelChoice(BUNDLED, "cpu"), lambda done, total: None)


def main() -> None:
    """Print one row."""
    options = parser(__doc__)
    options.add_argument("--plain", action="store_true")
    given = options.parse_args()
    importlib.import_module("napari_sam2._qt.segment_track")
    thread = Thread(target=load, args=(given.plain,))
    late = []
    began = last = time.perf_counter()
    thread.start()
    while thread.is_alive():
        time.sleep(SLEEP_SECONDS)
        now = time.perf_counter()
        late.append(now - last - SLEEP_SECONDS)
        last = now
    row = {
        "import": "plain" if given.plain else "responsive",
        "longest ms": max(late) * 1000,
        "stalls above 100 ms": sum(seconds > 0.1 for seconds in late),
        "seconds": last - began,
    }
    report([row], given.csv)


if __name__ == "__main__":
    main()
