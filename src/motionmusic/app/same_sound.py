"""Whether two files hold one recording, whatever their formats: fingerprints of sound.

After Haitsma and Kalker (2002): whether the difference of neighbouring bands rises or falls is the
same after mp3 or AAC, at another loudness, and for a start that is a little earlier. The smaller half
of the changes is left out, since coding turns those first.

How far apart songs and formats of one song are: metrics/reliability/same_sound.json.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from motionmusic.files import Float32
from motionmusic.numba_cache import librosa
from motionmusic.terminal import progress

SAME = 0.25
"""Bits of one recording differ less than this; a half differ by chance."""
LONGEST_S = 180  # of a track that are compared
LEAD_S = 15.0  # of silence or words that one of two files may have more at its beginning
_STEP_S, _WINDOW_S = 0.1, 0.4
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 33, 200.0, 3500.0
_LEAST = 0.05  # of a change: log10 of power
_FEWEST = 2000  # bits that two fingerprints must share, some twelve seconds
_PROBE, _MAYBE = 200, 0.38  # frames in the middle; part of their bits, 0.42 or more by chance
_NEAR = 0.6  # how far the mean spectra (log10 of power) of one recording may be apart

Bits = NDArray[np.uint32]


@dataclass(frozen=True)
class Fingerprint:
    """Of a sound: its samples' hash, (frames,) bits and which of them count, mean spectrum (33,)."""

    exact: bytes
    bits: Bits
    counts: Bits
    spectrum: Float32


def fingerprint(audio: Float32, sample_rate: int) -> Fingerprint:
    """The fingerprint of mono samples at a rate of at least 8 kHz; their first three minutes count."""
    hop = round(_STEP_S * sample_rate)
    window = round(_WINDOW_S * sample_rate)
    samples = audio[: LONGEST_S * sample_rate]
    samples = np.pad(samples, (0, max(0, window - len(samples))))
    hertz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
    edges = np.round(hertz / sample_rate * window).astype(int)
    spectra = librosa.stft(samples, n_fft=window, hop_length=hop, center=False)[: edges[-1]]
    sums = np.add.reduceat(np.abs(spectra) ** 2, edges[:-1], axis=0)
    level = np.log10(np.maximum(sums, 1e-5 * sums.max(initial=1e-20))).T  # (frames, bands)
    change = np.diff(np.diff(level, axis=1), axis=0)
    size = np.abs(change)
    counts = size > max(_LEAST, float(np.median(size))) if size.size else size > 0
    loud = level.mean(axis=1) > level.mean(axis=1).max(initial=-20) - 2
    spectrum = level[loud].mean(axis=0) if loud.any() else np.zeros(_BANDS)
    return Fingerprint(
        hashlib.sha256(audio.tobytes()).digest(),
        _packed(change > 0),
        _packed(counts),
        np.asarray(spectrum - spectrum.mean(), np.float32),
    )


def _packed(bits: NDArray[np.bool_]) -> Bits:
    """(frames, 32) → (frames,)."""
    return np.packbits(np.ascontiguousarray(bits), axis=1).view(np.uint32).reshape(-1)


def difference(a: Fingerprint, b: Fingerprint) -> float:
    """The part of the bits that differ at the lag where fewest do; 0.5 where too few can be compared."""
    if a.exact == b.exact:
        return 0.0
    best = 0.5
    reach = round(LEAD_S / _STEP_S)
    for lag in range(-reach, reach + 1):
        start, other = max(0, lag), max(0, -lag)
        n = min(len(a.bits) - start, len(b.bits) - other)
        if n <= 0 or n < 0.6 * min(len(a.bits), len(b.bits)):
            continue
        counts = a.counts[start : start + n] & b.counts[other : other + n]
        compared = int(np.bitwise_count(counts).sum())
        if compared < _FEWEST:
            continue
        turned = (a.bits[start : start + n] ^ b.bits[other : other + n]) & counts
        best = min(best, int(np.bitwise_count(turned).sum()) / compared)
    return best


def same_as(
    spectra: Float32, sound_of: Callable[[int], Fingerprint], other: Fingerprint
) -> list[int]:
    """The numbers of the tracks that are of one recording with another fingerprint.

    ``spectra`` (tracks, 33) and ``sound_of`` are of their fingerprints.
    """
    away = np.linalg.norm(spectra - other.spectrum, axis=1)
    return [n for n in np.flatnonzero(away < _NEAR).tolist() if _same(sound_of(n), other)]


def same_pairs(
    spectra: Float32, seconds: NDArray[np.float64], sound_of: Callable[[int], Fingerprint],
    new: NDArray[np.bool_],
) -> list[tuple[int, int]]:  # fmt: skip
    """Pairs (i, j), i < j and in order, of tracks of one recording; a longer version is another one.

    Args:
        spectra: (tracks, 33) of their fingerprints.
        seconds: (tracks,) how long they are.
        sound_of: the fingerprint of a track; asked for those only that are nearly alike.
        new: (tracks,) pairs of which neither is are left out.
    """
    if len(spectra) < 2 or not new.any():
        return []
    tree, sound_of = cKDTree(spectra), cache(sound_of)
    found = []
    numbers = np.flatnonzero(new).tolist()
    for i in progress(numbers, "same recordings", len(numbers), "track"):
        near = np.array(tree.query_ball_point(spectra[i], _NEAR))
        near = near[abs(seconds[near] - seconds[i]) <= LEAD_S]
        for j in near[~new[near] | (near > i)].tolist():
            a, b = min(i, j), max(i, j)
            if _same(sound_of(a), sound_of(b)):
                found.append((a, b))
    return sorted(found)


def _same(a: Fingerprint, b: Fingerprint) -> bool:
    return _may_be(a, b) and difference(a, b) < SAME


def _may_be(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether the middle of one is nearly somewhere in the other, which is told fast."""
    reach = round(LEAD_S / _STEP_S)
    start = (min(len(a.bits), len(b.bits)) - _PROBE) // 2
    if start < 0:
        return True
    places = slice(max(0, start - reach), start + reach + 1)
    bits, counts = (sliding_window_view(each, _PROBE)[places] for each in (a.bits, a.counts))
    middle = slice(start, start + _PROBE)
    both = counts & b.counts[middle]
    compared = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    turned = np.bitwise_count((bits ^ b.bits[middle]) & both).sum(axis=1, dtype=np.int64)
    return bool(((turned < _MAYBE * compared) | (compared < _FEWEST // 4)).any())
