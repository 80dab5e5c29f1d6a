"""Exit codes, and user errors as one line instead of a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from napari_sam2 import __version__
from napari_sam2.cli import app as program
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from sam2_model.errors import SAM2Error


@pytest.fixture
def failing() -> Iterator[type]:
    """A command ``fail`` that raises a chosen error."""

    class Failing:
        error: BaseException = RuntimeError("never set")

    def fail() -> None:
        raise Failing.error

    program.app.command("fail")(fail)
    program.command.cache_clear()
    yield Failing
    program.app.registered_commands.pop()
    program.command.cache_clear()


@pytest.mark.parametrize("kind", [UserError, SAM2Error])
def test_user_errors_are_one_line_and_code_2(
    failing: type, kind: type[Exception], capfd: pytest.CaptureFixture[str]
) -> None:
    failing.error = kind("no file [bold]a[0].tif[/bold]: check the path")
    assert program.run(["fail"]) == ExitCode.BAD_INPUT
    out, message = capfd.readouterr()
    assert out == ""
    assert message.strip() == "Error: no file [bold]a[0].tif[/bold]: check the path"


def test_other_errors_keep_their_traceback(failing: type) -> None:
    failing.error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError, match="a bug"):
        program.run(["fail"])


@pytest.mark.parametrize("arguments", [["find"], ["segment"], ["batch"], ["evaluate"]])
def test_help_has_no_pictures_in_place_of_words(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Rich replaces words between colons, such as ``:id:``, by emoji."""
    program.run([*arguments, "--help"])
    assert max(capfd.readouterr().out) < chr(0x1F000)


def test_ctrl_c_is_130(failing: type) -> None:
    failing.error = KeyboardInterrupt()
    assert program.run(["fail"]) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("arguments", [["no-such-command"], ["doctor", "--no-such-option"]])
def test_a_wrong_command_line_is_explained_with_code_2(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert program.run(arguments) == ExitCode.BAD_INPUT
    assert "No such" in capfd.readouterr().err


def test_version_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.run(["--version"]) == ExitCode.DONE
    assert capfd.readouterr().out == f"napari-sam2 {__version__}\n"
    assert program.run(["--help"]) == ExitCode.DONE
    assert "doctor" in capfd.readouterr().out


def test_the_module_runs_as_a_program() -> None:
    program = [sys.executable, "-m", "napari_sam2", "--version"]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == f"napari-sam2 {__version__}"
