"""Sound files: right samples from the right place, and one clear message for every broken one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.features.audio import duration_s, read_audio
from motionmusic.numba_cache import librosa
from motionmusic.params import Resampler

RATE = 44_100
SUFFIXES = ("wav", "mp3", "flac", "ogg")


def chirp(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Two channels: a rising tone that is nowhere like itself, and half of it with noise."""
    t = np.arange(round(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * (300 + 100 * t) * t)
    noise = np.random.default_rng(0).normal(0, 0.01, len(t))
    return np.stack([tone, tone / 2 + noise], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    for suffix in SUFFIXES:
        soundfile.write(folder / f"whole.{suffix}", chirp(12), RATE)
    return folder


def error_of(file: Path, **arguments: float) -> UserError:
    with pytest.raises(UserError) as caught:
        read_audio(file, 12_800, **arguments)  # type: ignore[arg-type]
    error = caught.value
    assert error.file == file
    assert error.remedy
    return error


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_start_offset_equals_slice_of_whole(sounds: Path, suffix: str) -> None:
    file = sounds / f"whole.{suffix}"
    whole = read_audio(file, RATE)
    assert whole.dtype == np.float32
    assert abs(len(whole) - 12 * RATE) <= 2400
    for start in (0, 1, 1151, 123_457, 7 * RATE + 13):
        part = read_audio(file, RATE, start_s=start / RATE, duration_s=1)
        assert len(part) == RATE
        assert (part == whole[start : start + RATE]).all()


def test_start_offset_in_mp3_of_variable_bit_rate(tmp_path: Path) -> None:
    # Here libsndfile's own seeking is wrong by some frames.
    file = tmp_path / "variable.mp3"
    sound = chirp(12)[:, 0]
    sound[6 * RATE :] += np.random.default_rng(1).normal(0, 0.2, 6 * RATE).astype(np.float32)
    with soundfile.SoundFile(
        file, "w", RATE, 1, bitrate_mode="VARIABLE", compression_level=0.3
    ) as out:
        out.write(sound)
    whole = read_audio(file, RATE)
    for start in (1, 123_457, 7 * RATE + 13, 11 * RATE):
        part = read_audio(file, RATE, start_s=start / RATE, duration_s=0.5)
        assert (part == whole[start : start + RATE // 2]).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_content_and_place(sounds: Path, suffix: str) -> None:
    part = read_audio(sounds / f"whole.{suffix}", RATE, start_s=2, duration_s=3)
    expected = chirp(12).mean(axis=1)[2 * RATE : 5 * RATE]
    # The lossy kinds are near: a shift of a few samples would bring this far down.
    assert np.corrcoef(part, expected)[0, 1] > 0.995


def test_mean_of_channels(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 6)).astype(np.float32)
    soundfile.write(tmp_path / "six.wav", sound, 8000, "FLOAT")
    assert np.allclose(read_audio(tmp_path / "six.wav", 8000), sound.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("resampler", ["kaiser_fast", "kaiser_best", "soxr_hq"])
def test_same_as_librosa(sounds: Path, resampler: Resampler) -> None:
    # The paper's code: librosa.load(file, sr=12800, offset=…, duration=…, res_type="kaiser_fast").
    file = sounds / "whole.mp3"
    start, length = 37 / 25, 249 / 25
    ours = read_audio(file, 12_800, start_s=start, duration_s=length, resampler=resampler)
    theirs, _ = librosa.load(
        file, sr=12_800, offset=start, duration=length, mono=True, res_type=resampler
    )
    assert len(ours) == 249 * 512
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_800, 44_100, 96_000])
def test_number_of_samples(tmp_path: Path, rate: int) -> None:
    file, wanted_rate = tmp_path / "any.wav", 30_700 if rate == 44_100 else 12_800
    soundfile.write(file, chirp(2, rate), rate)
    for seconds in (1, 1 / 3, 0.7071, 1 / 12_800, 228 / 25 / 10):
        part = read_audio(file, wanted_rate, start_s=0.123, duration_s=seconds)
        assert len(part) == round(seconds * wanted_rate)


def test_sound_ends_early(sounds: Path) -> None:
    part = read_audio(sounds / "whole.flac", 12_800, start_s=11, duration_s=5)
    assert len(part) == 12_800
    assert len(read_audio(sounds / "whole.flac", 12_800, start_s=11.5)) == 6_400


# Broken files


def test_missing(tmp_path: Path) -> None:
    assert error_of(tmp_path / "audio.mp3").got == "no such file"
    (tmp_path / "folder.mp3").mkdir()
    assert error_of(tmp_path / "folder.mp3").got == "a folder"
    with pytest.raises(UserError, match="no such file"):
        duration_s(tmp_path / "audio.mp3")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_or_no_sound(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"audio.{suffix}"
    file.write_bytes(b"")
    assert error_of(file).got == "an empty file"
    noise = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8).tobytes()
    for content in (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n",
        b"<!doctype html><html>404 Not Found</html>",
        bytes(20_000),
        noise,
    ):
        file.write_bytes(content)
        assert f"{len(content)} bytes that cannot be read as sound" in error_of(file).got
        with pytest.raises(UserError, match="cannot be read as sound"):
            duration_s(file)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.85])
def test_cut(sounds: Path, tmp_path: Path, suffix: str, kept: float) -> None:
    file = tmp_path / f"audio.{suffix}"
    content = (sounds / f"whole.{suffix}").read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    for arguments in ({}, {"duration_s": 0.1}, {"start_s": 11, "duration_s": 0.5}):
        assert "a cut file" in error_of(file, **arguments).got
    with pytest.raises(UserError, match="a cut file"):
        duration_s(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kept", [4, 50, 200])
def test_cut_within_the_header(sounds: Path, tmp_path: Path, suffix: str, kept: int) -> None:
    file = tmp_path / f"audio.{suffix}"
    file.write_bytes((sounds / f"whole.{suffix}").read_bytes()[:kept])
    error_of(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_silence(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"audio.{suffix}"
    sound = chirp(3)
    sound[:RATE] = 0
    soundfile.write(file, sound, RATE)
    assert error_of(file, duration_s=0.5).got.startswith("silence")
    assert len(read_audio(file, 12_800, start_s=1)) > 25_000


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    sound = chirp(1)
    sound[77] = np.nan
    soundfile.write(tmp_path / "audio.wav", sound, RATE, "FLOAT")
    assert error_of(tmp_path / "audio.wav").got == "NaN or infinity"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("start", [12.1, 1000.0])
def test_start_past_the_end(sounds: Path, suffix: str, start: float) -> None:
    error = error_of(sounds / f"whole.{suffix}", start_s=start, duration_s=1)
    assert "start_position" in error.expected
    assert error.got.startswith("a sound of 12.")
    # two samples at 44.1 kHz are less than one at 12.8 kHz
    assert "start_position" in error_of(sounds / "whole.wav", start_s=12 - 2 / RATE).remedy
