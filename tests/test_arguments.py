"""What commands share: questions, tables on narrow terminals, counts, the way in."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer
from commands import Result
from rich.table import Table

from motionmusic.app.arguments import clock, confirmed, counted, print_table
from motionmusic.scoring.dance_tempo import TEMPI, given


def test_an_interrupted_question_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        confirmed("Do you?", default=True)


@pytest.mark.parametrize("columns", [30, 40, 59, 60, 120])
def test_every_cell_of_a_table_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    table = Table()
    cells = ["1", "waltz/a long name of a track.mp3", "129 (−2 %)", "0.73", "0:12.0", "3:05.5"]
    for head in ("#", "track", "tempo", "timing", "start", "length"):
        table.add_column(head, overflow="fold")
    table.add_row(*cells)
    print_table(table)
    out = capsys.readouterr().out
    for cell in (*cells[2:], "track", "length"):
        assert cell in out
    assert "…" not in out
    assert ("━" in out) == (columns >= 60)


def test_seconds_are_rounded_before_minutes_are_told() -> None:
    assert [clock(s) for s in (59.94, 59.96, 119.97, 5.0)] == [
        "0:59.9", "1:00.0", "2:00.0", "0:05.0",
    ]  # fmt: skip
    assert clock(59.996, 2) == "1:00.00"


def test_one_thing_and_more() -> None:
    assert [counted(n, "track") for n in (0, 1, 2)] == ["0 tracks", "1 track", "2 tracks"]
    assert counted(1, "file has", "files have") == "1 file has"
    assert counted(2, "file has", "files have") == "2 files have"


def test_an_interruption_while_commands_are_imported() -> None:
    code = """
import sys
from collections.abc import Callable
class Slow:
    def find_spec(self, name, *_):
        if name == "motionmusic.app.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Slow())
from motionmusic.app.start import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("ignored", [False, True])  # as by nohup
def test_a_kill_removes_what_is_temporary(name: str, ignored: bool) -> None:
    code = f"""
import os, signal
from motionmusic.app import cli, start
def slow():
    try:
        os.kill(os.getpid(), signal.{name})
        print("goes on", flush=True)
    finally:
        os.kill(os.getpid(), signal.{name})
        print("cleans up", flush=True)
cli.main = slow
signal.signal(signal.{name}, signal.{"SIG_IGN" if ignored else "SIG_DFL"})
start.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    status = 0 if ignored else 128 + getattr(signal, name)
    said = "goes on\ncleans up\n" if ignored else "cleans up\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, said, "")


@pytest.mark.parametrize(
    "args",
    [["check", ""], ["recommend", "x", "--catalogue", ""], ["recommend", "x", "--catalogue="]],
)
def test_an_empty_value_is_no_folder(command: Callable[..., Result], args: list[str]) -> None:
    """That of an unset variable would be the folder that one is in."""
    status, _, err = command(*args)
    assert status == 2
    assert "expected a value, got an empty one" in err


def test_a_value_may_end_in_an_equals_sign(command: Callable[..., Result]) -> None:
    _, _, err = command("check", "--names=year=", "nowhere")
    assert "year=: --names: expected a yaml file" in err


def test_only_a_tempo_that_the_program_knows_is_taken(command: Callable[..., Result]) -> None:
    low, high = TEMPI[[0, -1]]
    for bpm in (low, high):
        assert given(bpm).bpm == pytest.approx(bpm)
    for bpm in (low - 1, high + 1):
        status, _, err = command("recommend", "nowhere", "--tempo", f"{bpm}")
        assert (status, "--tempo" in err) == (2, True)
