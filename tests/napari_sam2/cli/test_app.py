"""The frame around the commands: exit codes, and errors as one line instead of a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from napari_sam2 import __version__
from napari_sam2.cli import app as frame
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from sam2_model.errors import SAM2Error


@pytest.fixture
def failing() -> Iterator[type]:
    """A command ``fail`` that raises whatever it is told to."""

    class Failing:
        error: BaseException = RuntimeError("never set")

    def fail() -> None:
        raise Failing.error

    frame.app.command("fail")(fail)
    yield Failing
    frame.app.registered_commands.pop()


@pytest.mark.parametrize("kind", [UserError, SAM2Error])
def test_what_the_user_can_mend_is_a_line_and_code_2(
    failing: type, kind: type[Exception], capfd: pytest.CaptureFixture[str]
) -> None:
    failing.error = kind("no file [bold]a[0].tif[/bold]: check the path")
    assert frame.run(["fail"]) == ExitCode.BAD_INPUT
    out, complaint = capfd.readouterr()
    assert out == ""
    assert complaint.strip() == "Error: no file [bold]a[0].tif[/bold]: check the path"


def test_our_own_faults_keep_their_traceback(failing: type) -> None:
    failing.error = ZeroDivisionError("ours")
    with pytest.raises(ZeroDivisionError, match="ours"):
        frame.run(["fail"])


def test_ctrl_c_is_130(failing: type) -> None:
    failing.error = KeyboardInterrupt()
    assert frame.run(["fail"]) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("arguments", [["no-such-command"], ["doctor", "--no-such-option"]])
def test_a_wrong_command_line_is_explained_with_code_2(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert frame.run(arguments) == ExitCode.BAD_INPUT
    assert "No such" in capfd.readouterr().err


def test_version_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert frame.run(["--version"]) == ExitCode.DONE
    assert capfd.readouterr().out == f"napari-sam2 {__version__}\n"
    assert frame.run(["--help"]) == ExitCode.DONE
    assert "doctor" in capfd.readouterr().out


def test_the_module_runs_as_a_program() -> None:
    program = [sys.executable, "-m", "napari_sam2", "--version"]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == f"napari-sam2 {__version__}"
