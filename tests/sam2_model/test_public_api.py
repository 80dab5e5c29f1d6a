from __future__ import annotations

import subprocess
import sys

import pytest

import sam2_model


@pytest.mark.parametrize("name", sam2_model.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(sam2_model, name) is not None


def test_dir_lists_the_public_names() -> None:
    assert dir(sam2_model) == sorted(sam2_model.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SAM3'"):
        _ = sam2_model.SAM3  # type: ignore[attr-defined]


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, sam2_model; dir(sam2_model); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
