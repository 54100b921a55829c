"""Sound files as mono float32 samples at the rate that the features need.

What libsndfile (1.2.2) does with cut files: of an mp3 it keeps the length that the header names and
reads less; a wav it silently shortens, only the RIFF header still tells; in a flac it fails at the
cut; an ogg names no length. In mp3s of variable bit rate it seeks up to a few frames off.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import soundfile

from motionmusic.errors import UserError
from motionmusic.files import Float32, must_be_file
from motionmusic.params import Resampler

_KINDS = "a sound file (mp3, wav, flac or ogg)"
_AGAIN = "fetch or copy the sound file again, or convert the original to wav"
_SILENCE = 1e-5
_BLOCK = 1 << 20


def read_audio(
    file: Path,
    sample_rate: int,
    *,
    start_s: float = 0,
    duration_s: float | None = None,
    resampler: Resampler = "soxr_hq",
) -> Float32:
    """Part of a sound file: the mean of its channels, resampled by one of librosa's resamplers.

    Returns round(duration_s * sample_rate) samples, fewer where the sound ends earlier; without
    ``duration_s`` the rest of the file. Raises UserError where the file is missing, empty, no
    sound, cut or silent, or ends before ``start_s``.
    """
    wanted = None if duration_s is None else round(duration_s * sample_rate)
    with _open(file) as sound:
        rate: int = sound.samplerate
        total: int = sound.frames
        first = min(total, round(start_s * rate))
        # Rounded up, so that the samples wanted are there after resampling.
        last = total if wanted is None else min(total, first - (-wanted * rate // sample_rate))
        mono = _mono(file, sound, first, last)
    if wanted == 0:
        return mono[:0]
    # Less than one sample at the new rate is no sound either (and resampy refuses it).
    if len(mono) * sample_rate < rate:
        expected = f"sound from {start_s:g} s on (start_position / 25 of the dance's config.json)"
        remedy = "mend start_position in config.json, or put the whole music there"
        raise UserError(file, "", expected, f"a sound of {total / rate:.2f} s", remedy)
    if not np.isfinite(mono).all():
        raise UserError(file, "", "samples that are finite numbers", "NaN or infinity", _AGAIN)
    peak = float(np.abs(mono).max())
    if peak < _SILENCE:
        part = f"from {first / rate:g} s to {last / rate:g} s"
        got = f"silence (the loudest sample, channels averaged, is {peak:.1g})"
        remedy = "put the dance's music there, or mend start_position in config.json"
        raise UserError(file, part, "music", got, remedy)
    samples = librosa.resample(mono, orig_sr=rate, target_sr=sample_rate, res_type=resampler)
    return np.ascontiguousarray(samples[:wanted], dtype=np.float32)


def duration_s(file: Path) -> float:
    """Seconds of sound in a file. Raises UserError where it is missing, empty, no sound or cut."""
    with _open(file) as sound:
        _mono(file, sound, 0, 0)
        return float(sound.frames / sound.samplerate)


def _open(file: Path) -> soundfile.SoundFile:
    """An open sound file that has samples."""
    must_be_file(file, _KINDS, "put the dance's music there")
    size = file.stat().st_size
    if size == 0:
        raise UserError(file, "", _KINDS, "an empty file", _AGAIN)
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        # Its message misleads: of any bytes that are no mp3 it says that there is no such file.
        got = f"{size} bytes that cannot be read as sound"
        raise UserError(file, "", _KINDS, got, _AGAIN) from None
    if sound.frames == 0:
        sound.close()
        raise UserError(file, "", _KINDS, f"{size} bytes without a sample", _AGAIN)
    return sound


def _mono(file: Path, sound: soundfile.SoundFile, first: int, last: int) -> Float32:
    """Frames first to last, channels averaged; a cut file is refused whatever part is asked for."""
    frames, rate = int(sound.frames), int(sound.samplerate)
    promised = _promised_by_riff(file) / file.stat().st_size * frames
    # The length promised may be off by less than a second: encoders pad, and guess.
    if promised > frames + rate:
        raise _cut(file, frames / rate, promised / rate)
    try:
        if sound.format == "MP3":
            mono, decoded = _decode_mp3(sound, first, last)
            if decoded < frames - rate:
                raise _cut(file, decoded / rate, frames / rate)
            return mono
        sound.seek(max(0, frames - rate))
        if len(sound.read(1)) == 0:
            raise _cut(file, None, frames / rate)
        sound.seek(first)
        return _averaged(sound.read(last - first, dtype="float32", always_2d=True))
    except soundfile.LibsndfileError:
        raise _cut(file, None, frames / rate) from None


def _decode_mp3(sound: soundfile.SoundFile, first: int, last: int) -> tuple[Float32, int]:
    """Frames first to last of an mp3, decoded from its start, and how many there are in all."""
    parts = []
    decoded = 0
    while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)) > 0:
        parts.append(_averaged(block[max(0, first - decoded) : max(0, last - decoded)]))
        decoded += len(block)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32), decoded


def _averaged(frames: Float32) -> Float32:
    mono: Float32 = frames.mean(axis=1, dtype=np.float32)
    return mono


def _promised_by_riff(file: Path) -> int:
    """How many bytes the header of a wav file says that the file has; 0 where it does not say."""
    with file.open("rb") as stream:
        head = stream.read(8)
    size = int.from_bytes(head[4:8], "little")
    # Programs that write to a pipe leave all bits set, or all but the first.
    return size + 8 if head[:4] == b"RIFF" and size < 0x7FFF0000 else 0


def _cut(file: Path, decoded_s: float | None, promised_s: float) -> UserError:
    got = "a cut file" if decoded_s is None else f"a cut file, {decoded_s:.2f} s of it"
    return UserError(file, "", f"{promised_s:.2f} s of sound, as its header says", got, _AGAIN)
