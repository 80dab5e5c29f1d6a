"""Options follow the dataclasses of the workflows: their choices and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest
import typer
from typer.testing import CliRunner

from napari_sam2.cli.app import app
from napari_sam2.cli.commands import evaluate, segment, train
from napari_sam2.cli.option_defaults import converted, defaults_of, given, showing
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.evaluation.evaluate import PromptFrame
from napari_sam2.workflows.training.finetune import TrainedWeights


class Size(Enum):
    SMALL = "small"


@dataclass
class Settings:
    name: str
    size: Size = Size.SMALL
    steps: int = 0
    path: str | None = None
    flag: bool = False


def test_options_that_are_not_given_are_left_out() -> None:
    assert given(a=1, b=None, c="", d=False) == {"a": 1, "c": "", "d": False}
    assert converted(int, None) is None
    assert converted(int, "3") == 3


def test_defaults_are_those_of_the_dataclass() -> None:
    assert defaults_of(Settings) == {"size": "small", "steps": 0}


def test_the_help_shows_defaults_and_keeps_the_command_as_it_is() -> None:
    program = typer.Typer()
    received = []

    def command(steps: int | None = None) -> None:
        received.append(steps)

    program.command(cls=showing(lambda: {"steps": 7}))(command)
    assert "[default: 7]" in CliRunner().invoke(program, ["--help"]).output
    CliRunner().invoke(program, [])
    assert received == [None]


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        (segment.DirectionChoice, PropagationDirection),
        (segment.LabelsChoice, LabelPromptKind),
        (segment.MemoryChoice, MemoryPolicy),
        (train.PartsChoice, TrainedWeights),
    ],
)
def test_choices_are_the_values_of_an_enum(choice: type[Enum], kind: type[Enum]) -> None:
    assert {item.value for item in choice} == {item.value for item in kind}


def test_the_choices_of_evaluate_have_a_value() -> None:
    assert {item.value for item in evaluate.FrameChoice} < {item.value for item in PromptFrame}
    assert {item.value for item in evaluate.PromptChoice} == set(evaluate._KINDS)
    assert {LabelPromptKind(kind) for kind in evaluate._KINDS.values()} == set(LabelPromptKind)


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        (
            "segment",
            [
                "llmdet-tiny",
                "auto",
                "auto",
                "auto",
                "both",
                "auto",
                "exclusion",
                "plain",
                "no-feature-cache",
                "off",
                "mask",
            ],
        ),
        ("evaluate", ["auto", "point", "auto", "auto", "plain", "exclusion", "auto", "auto"]),
        ("evaluate-davis", ["auto", "val", "auto", "auto"]),
        ("train", ["micro", "all", "300", "0.0001", "0.2", "4", "0", "auto"]),
    ],
)
def test_the_help_of_commands_shows_their_defaults(
    command: str, defaults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, [command, "--help"]).output
    found = [part.split("]")[0] for part in shown.split("[default: ")[1:]]
    assert [text for text in found if not text.startswith("(")] == defaults
