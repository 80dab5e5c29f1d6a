"""Loading the shared libraries of torch, while other threads run."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

_SUFFIXES = {"linux": ".so", "darwin": ".dylib"}
# In the order and with the visibility with which torch loads them.
_LIBRARIES = (("libtorch_global_deps", True), ("libtorch", False))


def load_torch_libraries() -> None:
    """Load the shared libraries of torch that do not use Python, before torch is imported.

    ``import torch`` loads them, too, but keeps all threads from running until they are loaded,
    which takes half a second, and longer from a slow disk. Nothing is done on other systems than
    Linux and macOS; an installation in other folders is left to ``import torch``.
    """
    suffix, spec = _SUFFIXES.get(sys.platform), find_spec("torch")
    if suffix is None or spec is None or "torch" in sys.modules:
        return
    # A function of a library, unlike the import of one, is called without the interpreter's lock.
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for folder in spec.submodule_search_locations or ():
        for name, visible in _LIBRARIES:
            path = Path(folder) / "lib" / (name + suffix)
            if path.is_file():
                load(os.fsencode(path), os.RTLD_LAZY | (os.RTLD_GLOBAL if visible else 0))
