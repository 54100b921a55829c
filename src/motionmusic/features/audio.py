"""Sound files as mono float32 samples at the rate that the features need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from motionmusic.errors import UserError
from motionmusic.features.decoding import AGAIN, Sound, opened
from motionmusic.files import Float32
from motionmusic.numba_cache import librosa
from motionmusic.params import Resampler

_SILENCE = 1e-5
PART_S = 300
"""Seconds of sound that are resampled at a time: no dance of the corpora is longer."""
_HIGHEST = 48_000  # Hz; of a sound of a higher rate a part is shorter
_EDGE_S = 1  # by which parts overlap, so that the resampler leaves no seam


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
    sound, cut, damaged or silent, or ends before ``start_s``.
    """
    wanted = None if duration_s is None else round(duration_s * sample_rate)
    parts = list(_parts(file, sample_rate, start_s, wanted, resampler))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def audio_parts(
    file: Path, sample_rate: int, resampler: Resampler = "soxr_hq"
) -> Iterator[Float32]:
    """The whole of a sound file as :func:`read_audio`, in parts of five minutes or less.

    However long the file is, only one part is held. Raises UserError, some only after the last part.
    """
    return _parts(file, sample_rate, 0, None, resampler)


def duration_s(file: Path, at_most_s: float = np.inf) -> float:
    """Seconds of sound that can be decoded; counting stops a little after ``at_most_s``.

    Raises UserError where the file is missing, empty, no sound, cut or damaged.
    """
    with opened(file) as sound:
        count = 0
        for block in sound.blocks(0):
            count += len(block)
            if count > at_most_s * sound.rate:
                break
        return count / sound.rate


def _parts(
    file: Path, new_rate: int, start_s: float, wanted: int | None, resampler: Resampler
) -> Iterator[Float32]:
    """Resampled parts of the sound from ``start_s`` on, ``wanted`` samples together."""
    if wanted == 0:
        yield np.zeros(0, np.float32)
        return
    with opened(file) as sound:
        rate = sound.rate
        edge, long = _EDGE_S * rate, min(PART_S, PART_S * _HIGHEST // rate) * rate
        before = given = count = 0  # before: samples in front that the last part has given
        held: list[Float32] = []
        for block in _checked(file, sound, start_s, wanted, new_rate):
            held.append(block)
            count += len(block)
            while count >= before + long + edge:
                whole = np.concatenate(held)
                part = librosa.resample(
                    whole[: before + long + edge],
                    orig_sr=rate, target_sr=new_rate, res_type=resampler,
                )  # fmt: skip
                part = part[before // rate * new_rate :][: long // rate * new_rate]
                given += len(part)
                yield np.ascontiguousarray(part, np.float32)
                held = [whole[before + long - edge :]]
                count, before = len(held[0]), edge
                del whole, part
        if count > before:
            whole = np.concatenate(held)
            part = librosa.resample(whole, orig_sr=rate, target_sr=new_rate, res_type=resampler)
            part = part[before // rate * new_rate :][: None if wanted is None else wanted - given]
            yield np.ascontiguousarray(part, np.float32)


def _checked(
    file: Path, sound: Sound, start_s: float, wanted: int | None, new_rate: int
) -> Iterator[Float32]:
    """The samples of ``wanted`` at the new rate. Raises UserError: too few, no numbers, silence."""
    first = round(start_s * sound.rate)
    # Rounded up, so that the samples wanted are there after resampling.
    length = None if wanted is None else -(-wanted * sound.rate // new_rate)
    count, low, high = 0, np.inf, -np.inf
    for block in sound.blocks(first):
        part = block[: None if length is None else length - count]
        if len(part):
            count += len(part)
            low, high = min(low, float(part.min())), max(high, float(part.max()))
            if not np.isfinite(part).all():
                raise UserError(
                    file, "", "samples that are finite numbers", "NaN or infinity", AGAIN
                )
            yield part
        if count == length:
            break
    # Less than one sample at the new rate is no sound either (and resampy refuses it).
    if count * new_rate < sound.rate:
        expected = f"sound from {start_s:g} s on (start_position / 25 of the dance's config.json)"
        remedy = "mend start_position in config.json, or put the whole music there"
        got = f"a sound of {sound.frames / sound.rate:.2f} s"
        raise UserError(file, "", expected, got, remedy)
    if count > 1 and high - low < 2 * _SILENCE:  # a constant, which nobody hears, is silence too
        part_s = f"from {first / sound.rate:g} s to {(first + count) / sound.rate:g} s"
        got = f"silence (no sample is further than {(high - low) / 2:.1g} from their middle)"
        remedy = "put the dance's music there, or mend start_position in config.json"
        raise UserError(file, part_s, "music", got, remedy)
