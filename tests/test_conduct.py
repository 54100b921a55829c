"""`motionmusic conduct`: what it writes, asks and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import safetensors.torch
import soundfile
import typer
from mirrored import CONDUCTOR, MIRROR, mirrored
from typer.testing import CliRunner, Result

from motionmusic.app import arguments as reading
from motionmusic.app import cli, licence
from motionmusic.data.manifest import blob_id
from motionmusic.errors import UserError
from motionmusic.models import published
from motionmusic.models.conductor_weights import published_entries
from motionmusic.models.virtual_conductor import Generator, SyncNetwork

pytestmark = pytest.mark.usefixtures("torch_alone")

Call = Callable[..., Result]
RATE = 22050


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command in a folder with music.wav, 2.2 s, and nothing in its cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTIONMUSIC_CACHE", "cache")
    write(2.2)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(cli.conduct)

    def run(*arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=answer)

    return run


def write(seconds: float, loud: float = 0.4, name: str = "music.wav") -> None:
    t = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * t))
    soundfile.write(name, loud * tone, RATE)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Weights that nobody has trained instead of a download; their licence counts all the same."""
    files = (tmp_path / "g.safetensors", tmp_path / "s.safetensors")
    networks: tuple[Generator | SyncNetwork, ...] = (Generator(), SyncNetwork())
    for file, network in zip(files, networks, strict=True):
        entries = {name: value.clone() for name, value in published_entries(network).items()}
        file.write_bytes(safetensors.torch.save(entries))
    monkeypatch.setattr(published, "fetch", lambda *_, **__: [Path("README.md"), *files])


def refused(result: Result) -> str:
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


@pytest.mark.usefixtures("ours")
def test_video_keypoints_and_facts(call: Call) -> None:
    result = call("music.wav", "--accept-licence")
    assert result.exit_code == 0, result.output
    with np.load("music.conducting.npz", allow_pickle=False) as arrays:
        assert arrays["keypoints"].shape == (66, 13, 2)
        assert arrays["names"][9] == "left wrist"
        assert arrays["rate_hz"] == 30
        assert "research use only" in str(arrays["licence"])
    facts = json.loads(Path("music.conducting.json").read_text("utf-8"))
    assert 0 <= facts["sync_error"] <= 1
    assert "research use only" in facts["licence"]
    assert f"{facts['sync_error']:.3f}" in result.output
    with av.open("music.conducting.mp4") as file:
        assert file.streams.video[0].average_rate == 30
        assert sum(1 for _ in file.decode(video=0)) == 66
    with av.open("music.conducting.mp4") as file:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        assert len(heard) == pytest.approx(2.2 * 48000, abs=1024)
        assert np.abs(heard).max() == pytest.approx(0.4, rel=0.2)


@pytest.mark.usefixtures("ours")
def test_half_a_second(call: Call) -> None:
    write(0.5)
    assert "a folder to write in" in refused(call("music.wav", "--out", "a/b.mp4"))
    Path("a").mkdir()
    assert call("music.wav", "--accept-licence", "--out", "a/b.mp4").exit_code == 0
    assert sorted(path.name for path in Path("a").iterdir()) == ["b.json", "b.mp4", "b.npz"]
    with np.load("a/b.npz") as arrays:
        assert len(arrays["keypoints"]) == 15


@pytest.mark.usefixtures("ours")
def test_the_licence_is_asked_for_once(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    write(0.5)
    message = refused(call("music.wav"))
    assert published.NOTICE in message
    assert "--accept-licence" in message
    assert not Path("cache").exists()

    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(licence, "sys", terminal)
    assert "got no" in refused(call("music.wav", answer="n\n"))
    result = call("music.wav", answer="y\n")
    assert result.exit_code == 0, result.output
    assert published.NOTICE in result.output
    (kept,) = Path("cache").rglob("*.txt")
    assert published.NOTICE in kept.read_text("utf-8")

    terminal.stdin.isatty = lambda: False
    assert "a file that exists" in refused(call("music.wav"))
    assert call("music.wav", "--force").exit_code == 0


def test_nothing_is_fetched_without_the_licence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Copyright"):
        published.fetch_weights(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("prepare", "arguments", "expected"),
    [
        (lambda: write(1, loud=0), ["music.wav"], "silence"),
        (lambda: write(0.3), ["music.wav"], "got 0.30 s"),
        (lambda: write(5), ["music.wav"], "got 5.00 s"),
        (lambda: Path("music.wav").write_text("no music"), ["music.wav"], "cannot be read"),
        (lambda: None, ["none.wav"], "no such file"),
        (lambda: None, ["music.wav", "--out", "a.avi"], "ending in .mp4"),
    ],
)
def test_mistakes(
    call: Call,
    prepare: Callable[[], object],
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "LONGEST_S", 4.0)
    prepare()
    message = refused(call(*arguments, "--accept-licence"))
    assert expected in message
    assert "config.json" not in message  # as music of no dance has none
    assert sorted(path.name for path in Path().iterdir()) == ["music.wav"]


def test_the_authors_weights(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrored(str(CONDUCTOR))
    monkeypatch.setenv("MOTIONMUSIC_MIRROR", str(MIRROR))
    write(6)
    result = call("music.wav", "--accept-licence", "--out", "real.mp4")
    assert result.exit_code == 0, result.output
    kept = Path("cache", "weights") / CONDUCTOR
    for entry in published.MANIFEST.entries:
        assert blob_id(kept / entry.path) == entry.blob
    assert published.NOTICE in (kept / "README.md").read_text("utf-8")
    with np.load("real.npz") as arrays:
        x, y = arrays["keypoints"].transpose(2, 1, 0)
    # the proportions that the motion was trained in (1.4)
    assert (x[5] - x[6]).mean() == pytest.approx(0.2, abs=0.05)
    assert (x[11] + x[12]).mean() / 2 == pytest.approx(0.5, abs=0.05)
    assert (y[11] + y[12]).mean() / 2 == pytest.approx(0.75, abs=0.03)
    assert y[0].mean() < y[5].mean() < y[11].mean()
