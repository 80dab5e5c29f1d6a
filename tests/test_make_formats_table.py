"""The page of formats shows what is read and written now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.make_formats_table import PAGE, render
from napari_sam2.export.destination import OutputDestination

for package in ("pylibCZIrw", "av", "pydicom", "czifile", "liffile", "nd2"):
    pytest.importorskip(package)


@pytest.mark.filterwarnings("ignore:AttachmentDirectory segment not found")
def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == render(), "run python -m docs.make_formats_table"


def test_the_page_names_existing_tests_and_enough_formats():
    inputs, outputs = PAGE.read_text(encoding="utf-8").split("## Output")
    rows = [re.findall(r"`(tests/.*?)`", part) for part in (inputs, outputs)]
    assert len(rows[0]) >= 14
    assert len(rows[1]) >= 7
    root = Path(__file__).parent.parent
    assert all((root / name).is_file() for part in rows for name in part)


def test_every_ending_on_the_page_is_an_output():
    outputs = PAGE.read_text(encoding="utf-8").split("## Output")[1]
    for ending in re.findall(r"^\| [^|`]* `(\.[^`]*)` \|", outputs, re.MULTILINE):
        assert OutputDestination.parse(f"out{ending}").ending == ending
