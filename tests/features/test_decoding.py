"""What is decoded counts, not what a header says; and every kind of file that FFmpeg knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate
from sounds import RATE, Samples, chunk, encode, pcm, pcm_format, riff, song

from motionmusic.errors import UserError
from motionmusic.features import audio
from motionmusic.features.audio import audio_parts, duration_s, read_audio

SECONDS = 6.0
SONG = song(SECONDS)
PCM, FORMAT = pcm(SONG), pcm_format()
A_QUARTER = len(PCM) // 8 * 2


def hear(file: Path) -> Samples:
    return read_audio(file, RATE)


# Other kinds


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("m4a", "aac"), ("m4a", "alac"), ("aac", "aac"), ("opus", "libopus"), ("aiff", "pcm_s16be"),
        ("wma", "wmav2"), ("wv", "wavpack"), ("tta", "tta"), ("ac3", "ac3"), ("mka", "aac"),
        ("wav", "adpcm_ms"), ("wav", "pcm_mulaw"), ("caf", "pcm_s16le"), ("au", "pcm_s16be"),
    ],
)  # fmt: skip
def test_kinds(tmp_path: Path, suffix: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    sound = song(SECONDS, rate=rate)
    file = encode(tmp_path / f"x.{suffix}", sound, codec, rate=rate)
    assert duration_s(file) == pytest.approx(SECONDS, abs=0.1)
    heard = read_audio(file, rate)
    # encoders put some samples before the sound or take them away; not every kind tells
    middle = sound[rate : 4 * rate]
    lags = correlate(heard[rate - 5000 : 4 * rate + 5000], middle, "valid", "fft")
    assert lags.max() / np.square(middle).sum() > 0.8


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "aac"), ("mov", "aac"), ("mkv", "ac3"), ("avi", "libmp3lame"), ("webm", "libopus")],
)  # fmt: skip
def test_sound_of_videos(tmp_path: Path, suffix: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    sound = song(SECONDS, rate=rate)
    file = encode(tmp_path / f"x.{suffix}", sound, codec, rate=rate, video=True)
    assert duration_s(file) == pytest.approx(SECONDS, abs=0.1)
    silent = encode(tmp_path / f"y.{suffix}", sound, codec, rate=rate, video=True, sound=False)
    with pytest.raises(UserError, match="a video without sound"):
        hear(silent)


def test_a_video_that_is_cut(tmp_path: Path) -> None:
    file = encode(tmp_path / "x.m4a", SONG, "aac", options={"movflags": "+faststart"})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match=r"6\.\d\d s of sound, as its header says, got a cut file"):
        hear(file)


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"]
)
def test_a_list_of_other_files_is_not_followed(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.wav").write_bytes(riff(FORMAT, chunk(b"data", PCM)))
    for name in ("x.mp3", "x.m3u8", "x.wav"):
        (tmp_path / name).write_text(text.format(tmp_path / "other.wav"))
        with pytest.raises(UserError, match="cannot be read as sound"):
            hear(tmp_path / name)


# mp3


def variable(file: Path, *samples: Samples) -> Path:
    """mp3 of variable rate without a header that tells its length."""
    whole = np.concatenate(samples)
    return encode(
        file, whole, "libmp3lame", codec_options={"qscale": "4", "flags": "+qscale", "global_quality": "472"},
        options={"write_xing": "0", "id3v2_version": "0"},
    )  # fmt: skip


@pytest.mark.parametrize("quiet_first", [True, False])
def test_variable_rate_without_header(tmp_path: Path, quiet_first: bool) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 12 * RATE).astype(np.float32)
    parts = [1e-3 * noise[: 6 * RATE], noise]
    file = variable(tmp_path / "x.mp3", *(parts if quiet_first else parts[::-1]))
    assert abs(soundfile.info(file).duration - 18) > 1  # what it is taken for otherwise
    assert duration_s(file) == pytest.approx(18, abs=0.1)
    heard = hear(file)
    assert len(heard) == pytest.approx(18 * RATE, abs=5000)
    assert np.abs(heard[-3 * RATE :]).max() > (0.1 if quiet_first else 0)


def constant(file: Path) -> Path:
    return encode(file, SONG, "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"})


def test_constant_rate_with_a_large_cover(tmp_path: Path) -> None:
    file = constant(tmp_path / "x.mp3")
    size = 1_500_000
    head = b"ID3\x03\0\0" + bytes(size >> 7 * n & 127 for n in (3, 2, 1, 0))
    file.write_bytes(head + bytes(size) + file.read_bytes())
    assert duration_s(file) == pytest.approx(SECONDS, abs=0.1)
    assert len(hear(file)) == pytest.approx(SECONDS * RATE, abs=5000)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg"])
def test_files_joined_to_one(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"x.{suffix}"
    soundfile.write(file, SONG, RATE)
    file.write_bytes(2 * file.read_bytes())
    assert duration_s(file) == pytest.approx(2 * SECONDS, abs=0.2)
    assert len(hear(file)) == pytest.approx(2 * SECONDS * RATE, abs=0.2 * RATE)


def test_a_hole_in_the_midst(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = constant(tmp_path / "x.mp3")
    content = bytearray(file.read_bytes())
    content[30_000:75_000] = bytes(45_000)
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"a damaged file, 2\.\d+ s in its midst"):
        hear(file)
    assert capfd.readouterr().err == ""  # decoders complain on the terminal


def test_a_flac_from_a_pipe_has_no_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", SONG, RATE)
    content = bytearray((tmp_path / "x.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(content)
    assert np.abs(hear(tmp_path / "x.flac") - np.trunc(SONG * 32767) / 32768).max() < 1e-4


# wav

DATA = chunk(b"data", PCM)
TAGS = chunk(b"LIST", 100 * b"INFOabcd")


@pytest.mark.parametrize(
    "content",
    {
        "length 0": riff(FORMAT, chunk(b"data", PCM, 0), length=0),
        "only the samples' 0": riff(FORMAT, chunk(b"data", PCM, 0)),
        "all bits": riff(FORMAT, chunk(b"data", PCM, 0xFFFFFFFF), length=0xFFFFFFFF),
        "all but one": riff(FORMAT, chunk(b"data", PCM, 0x7FFFF000), length=0x7FFFF024),
        "of some earlier time": riff(FORMAT, chunk(b"data", PCM, A_QUARTER), length=36 + A_QUARTER),
        "only the samples' earlier": riff(FORMAT, chunk(b"data", PCM, A_QUARTER)),
        "whole, riff 0": riff(FORMAT, DATA, length=0),
        "whole, riff short": riff(FORMAT, DATA, length=36 + A_QUARTER),
        "whole, riff long": riff(FORMAT, DATA, length=3 * len(PCM)),
        "odd, no pad byte": riff(chunk(b"LIST", b"INFOabc", pad=False), FORMAT, DATA),
        "odd": riff(chunk(b"LIST", b"INFOabc"), FORMAT, DATA),
        "empty chunks": riff(FORMAT, chunk(b"LIST", b""), chunk(b"junk", b""), DATA),
        "tags behind": riff(FORMAT, DATA, TAGS),
        "ID3 behind": riff(FORMAT, DATA, chunk(b"id3 ", b"ID3" + bytes(97))) + b"TAG" + bytes(125),
        "no samples, then samples": riff(FORMAT, chunk(b"data", b""), DATA),
        "in two parts": riff(FORMAT, chunk(b"data", PCM[:A_QUARTER]), chunk(b"data", PCM[A_QUARTER:])),
        "format behind": riff(DATA, FORMAT),
        "a chunk without end": riff(FORMAT, chunk(b"LIST", b"abcd", 0xFFFFFFF0), DATA),
        "words before": b"ID3\3\0\0\0\0\0\x10" + bytes(16) + riff(FORMAT, DATA),
    }.items(),
    ids=lambda pair: pair[0],
)  # fmt: skip
def test_wrong_headers(tmp_path: Path, content: tuple[str, bytes]) -> None:
    file = tmp_path / "x.wav"
    file.write_bytes(content[1])
    assert duration_s(file) == SECONDS
    assert (hear(file) == np.frombuffer(PCM, "<i2") / np.float32(32768)).all()
    part = read_audio(file, RATE, start_s=3, duration_s=2)
    assert (part == hear(file)[3 * RATE : 5 * RATE]).all()


def test_nothing_recorded(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(riff(FORMAT, chunk(b"data", b"")))
    with pytest.raises(UserError, match="44 bytes without a sample"):
        hear(tmp_path / "x.wav")


@pytest.mark.parametrize("rate", [1, 50, 2_000_000_000])
def test_impossible_rates(tmp_path: Path, rate: int) -> None:
    (tmp_path / "x.wav").write_bytes(riff(pcm_format(rate), DATA))
    with pytest.raises(UserError, match=f"1000 to 768000 Hz, got {rate} Hz"):
        hear(tmp_path / "x.wav")


# Long files


def test_parts_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "x.flac", SONG, RATE)
    whole = read_audio(tmp_path / "x.flac", 12_800)
    monkeypatch.setattr(audio, "PART_S", 2)
    parts = list(audio_parts(tmp_path / "x.flac", 12_800))
    assert [len(part) for part in parts] == 3 * [2 * 12_800]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-3
    for wanted in (1, 2, 3.5, 5.99):
        some = read_audio(tmp_path / "x.flac", 12_800, duration_s=wanted)
        assert len(some) == round(wanted * 12_800)
        assert np.abs(some - whole[: len(some)])[:-100].max() < 1e-3


def test_counting_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "x.flac", np.tile(SONG, 20), RATE)
    assert 30 < duration_s(tmp_path / "x.flac", at_most_s=30) < 60


# Silence


@pytest.mark.parametrize("level", [0.0, 0.3, -1.0])
def test_a_constant_is_silence(tmp_path: Path, level: float) -> None:
    soundfile.write(tmp_path / "x.wav", np.full(3 * RATE, level), RATE)
    with pytest.raises(UserError, match="expected music, got silence"):
        hear(tmp_path / "x.wav")
    soundfile.write(tmp_path / "x.wav", np.r_[np.full(3 * RATE, level), level / 2 + 0.1], RATE)
    assert len(hear(tmp_path / "x.wav")) == 3 * RATE + 1
