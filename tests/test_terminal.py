"""Printing ends no run, and no name writes to the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from motionmusic import terminal
from motionmusic.errors import UserError, of_system
from motionmusic.terminal import progress, shown

# writes a result after it has printed more than any buffer holds
SCRIPT = r"""
import sys
from pathlib import Path
from motionmusic.errors import run
def main(arguments):
    for _ in range(3000):
        print("Caf\u00e9 \u2013 \u8e0a \U0001f3b5 " * 10)
    print("done", file=sys.stderr)
    Path("result").write_text("whole")
run(main)
"""


def called(
    folder: Path, where: str = "", code: str = SCRIPT, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    command = f'"$0" -c "$1" {where}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, code], cwd=folder, capture_output=True, check=False,
        env=os.environ | variables,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "variables", "status"),
    [
        ("| head -n 1; exit ${PIPESTATUS[0]}", {}, 0),
        (">/dev/full", {}, 2),
        (">&-", {}, 0),
        ("2>/dev/full", {}, 0),
        ("2>&-", {}, 0),
        ("", {"PYTHONIOENCODING": "ascii"}, 0),
        ("", {"PYTHONIOENCODING": "cp1252"}, 0),
        ("", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, 0),
    ],
)
def test_the_result_is_there_whatever_becomes_of_the_output(
    tmp_path: Path, where: str, variables: dict[str, str], status: int
) -> None:
    ended = called(tmp_path, where, **variables)
    assert ended.returncode == status, ended.stderr
    assert b"Traceback" not in ended.stderr
    assert (tmp_path / "result").read_text() == "whole"
    if status:
        assert b"error: standard output: expected to be writable, got No space left" in ended.stderr
    elif variables:
        assert ended.stdout.count(b"\n") == 3000
        assert b"Caf" in ended.stdout


@pytest.mark.parametrize("arguments", ["--help", "sync --help", "--version"])
@pytest.mark.parametrize("where", ["| true; exit ${PIPESTATUS[0]}", ">/dev/full", ""])
def test_help_survives_its_output(tmp_path: Path, arguments: str, where: str) -> None:
    code = f"import sys; sys.argv[1:] = {arguments.split()}; from motionmusic.app import cli; cli.main()"
    ended = called(tmp_path, where, code, PYTHONIOENCODING="ascii")
    assert ended.returncode == (2 if "full" in where else 0)
    assert b"Traceback" not in ended.stderr


def test_interrupted(tmp_path: Path) -> None:
    code = """
import os, signal
from motionmusic.errors import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
run(lambda _: os.kill(os.getpid(), signal.SIGINT))
"""
    ended = called(tmp_path, code=code)
    assert (ended.returncode, ended.stderr) == (130, b"interrupted\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\n", "\\x1b[31mred\\n"),
        ("\x1b]0;title\x07\r\t", "\\x1b]0;title\\x07\\r\\t"),
        ("\x9b2J", "\\x9b2J"),
        ("gpj.\u202e3pm", "gpj.\\u202e3pm"),
        ("a\u2028b\u2066c\u200f", "a\\u2028b\\u2066c\\u200f"),
        (os.fsdecode(b"A\xe9.wav"), "A\\xe9.wav"),
        ("\ud83d", "\\ud83d"),
        ("踊り 🎵 👩‍🎤 naïve", "踊り 🎵 👩‍🎤 naïve"),
    ],
)
def test_names_are_shown_and_do_nothing(text: str, expected: str) -> None:
    assert shown(text) == expected
    error = str(UserError(text, text, text, text, text))
    assert error.count(expected) == 5
    assert error.count("\n") == 1


def test_a_list_in_a_message_stays_a_list() -> None:
    error = str(UserError("x", "", "a", "two:\n    one\n    two", "b"))
    assert error.splitlines()[1:3] == ["    one", "    two"]


@pytest.mark.parametrize(
    ("number", "text"), [(28, "free space"), (13, "permissions"), (30, "permissions"), (36, "kind")]
)
def test_what_the_system_refuses_has_its_remedy(number: int, text: str) -> None:
    error = of_system(OSError(number, os.strerror(number), "x\x1b"))
    assert text in error.remedy
    assert str(error).startswith(
        f"error: x\\x1b: expected to be readable or writable, got {os.strerror(number)}"
    )


def test_progress_is_a_line_a_minute_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(0, 10_000, 25))
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: next(now)))
    assert list(progress(iter("abcdefgh"), "draw", 8, "frame")) == list("abcdefgh")
    assert capsys.readouterr().err == (
        "draw: 3 of 8 frames, 2 min left\ndraw: 6 of 8 frames, 1 min left\n"
    )
    monkeypatch.setattr(terminal.Volume, "level", 0)
    assert list(progress("ab", "draw", 2, "frame")) == ["a", "b"]
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        assert list(progress(range(3), "draw", 3, "frame")) == [0, 1, 2]
        stream.write("\nend")
        stream.flush()
        seen = b""
        while b"end" not in seen:  # a terminal hands over what it has by then
            seen += os.read(ours, 10_000)
    assert b"3/3" in seen
    assert b"frames," in seen
    os.close(ours)
