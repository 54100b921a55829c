"""Beat frequency and phase of a song in strict tempo (docs/on_beat.md).

Dance music keeps one tempo, so over minutes its onsets have one sharp line in the spectrum. A beat
tracker, which follows the beats one by one, is the second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.beats import music_beats
from motionmusic.numba_cache import librosa

Floats = NDArray[np.float64]

SAMPLE_RATE = 12_800
ENVELOPE_HZ = 100.0
_HOP = 128
_WINDOW = 512  # samples, 40 ms: a click's onset is found within 5 ms, by one of 2,048 25 ms late
_SMOOTH = 401  # frames of the moving mean that is taken off
_FFT = 1 << 21
_WEIGHTS = (1.0, 1.0, 0.5, 0.5)  # of a beat's harmonics
_OCTAVES = 0.35  # standard deviation of the prior around the expected tempo
_WINDOW_S = 15.0
AGREE = 0.04  # how far, as a part, a tracker's tempo may be from one, two or half of ours
STEADY = 0.15  # beats that a window's phase may be away from the song's


@dataclass(frozen=True)
class SongTempo:
    """The beats of a song in strict tempo: first_beat_s + n / beat_hz.

    Attributes:
        beat_hz: beats a second.
        first_beat_s: the beat nearest to the first sample, between half a beat before and after it.
        strength: how much of the onsets' spread the beat's four harmonics explain, 0…1.
        tracker_bpm: of librosa's beat tracker; NaN where it finds none.
        wander: the largest distance of a window of 15 s from the song's phase, in beats, of those
            windows that have a beat.
    """

    beat_hz: float
    first_beat_s: float
    strength: float
    tracker_bpm: float
    wander: float

    @property
    def bpm(self) -> float:
        """Beats a minute."""
        return 60 * self.beat_hz

    @property
    def flags(self) -> str:
        """What makes the tempo doubtful, empty where nothing does."""
        ratio = self.tracker_bpm / self.bpm
        found = []
        if not any(abs(ratio / octave - 1) < AGREE for octave in (0.5, 1, 2)):
            found.append("tracker disagrees")
        if self.wander > STEADY:
            found.append("tempo wanders")
        return ", ".join(found)


def onset_envelope(audio: NDArray[np.floating]) -> Floats:
    """How much begins to sound at each moment, its moving mean of 4 s taken off.

    Args:
        audio: (samples,) mono at 12,800 Hz.

    Returns:
        (frames,) at 100 a second; frame i lies at i / 100 s.
    """
    onsets = librosa.onset.onset_strength(
        y=np.asarray(audio, np.float32), sr=SAMPLE_RATE, hop_length=_HOP, n_fft=_WINDOW, n_mels=40
    ).astype(np.float64)
    kernel = np.ones(_SMOOTH)
    mean = np.convolve(onsets, kernel, "same") / np.convolve(np.ones(len(onsets)), kernel, "same")
    return np.asarray(onsets - mean)


def song_tempo(audio: NDArray[np.floating], expected_bpm: float) -> SongTempo:
    """The tempo of a song near to the one that is expected of it.

    Args:
        audio: (samples,) mono at 12,800 Hz, from where the dance starts.
        expected_bpm: of the choreography; the prior is log-normal around it, 0.35 octaves wide.

    Raises:
        ValueError: sound without an onset.
    """
    envelope = onset_envelope(audio)
    if not np.any(np.abs(envelope) > 1e-9):
        raise ValueError("sound without an onset")
    spectrum = np.fft.rfft(envelope, _FFT)
    step_hz = ENVELOPE_HZ / _FFT
    power = np.abs(spectrum) ** 2
    bins = np.arange(round(0.4 / step_hz), round(6.0 / step_hz))  # 24 to 360 bpm
    combed = sum(
        weight * power[bins * harmonic] for harmonic, weight in enumerate(_WEIGHTS, start=1)
    )
    octaves = np.log2(bins * step_hz * 60 / expected_bpm)
    beat_hz = float(bins[np.argmax(combed * np.exp(-np.square(octaves / _OCTAVES) / 2))] * step_hz)
    lines = _lines(envelope, np.arange(len(envelope)) / ENVELOPE_HZ, beat_hz)
    first = _phase(lines) / beat_hz
    spread = len(envelope) * np.square(envelope).sum()
    _, tracked = music_beats(audio, SAMPLE_RATE)
    return SongTempo(
        beat_hz=beat_hz,
        first_beat_s=first,
        strength=float(2 * np.square(np.abs(lines)).sum() / spread),
        tracker_bpm=tracked,
        wander=_wander(envelope, beat_hz, first),
    )


def folded_onsets(envelope: Floats, song: SongTempo, bins: int = 24) -> Floats:
    """The onsets of a song laid upon each other every two beats.

    Where tempo and phase are right, they are upright lines at 0 and 1.

    Args:
        envelope: see :func:`onset_envelope`.
        song: its tempo.
        bins: columns a beat.

    Returns:
        (rows, 2 · bins): a row is eight beats of the song, a column a part of two beats from half a
        beat before the first on; the mean of the onsets there.
    """
    beats = (np.arange(len(envelope)) / ENVELOPE_HZ - song.first_beat_s) * song.beat_hz + 0.5
    row, column = np.floor(beats / 8).astype(int), np.floor(beats % 2 * bins).astype(int)
    row -= row.min()
    place = row * 2 * bins + column
    size = (row.max() + 1) * 2 * bins
    count = np.bincount(place, minlength=size)
    total = np.bincount(place, np.maximum(envelope, 0), size)
    return np.asarray((total / np.maximum(count, 1)).reshape(-1, 2 * bins))


def _lines(envelope: Floats, times: Floats, beat_hz: float) -> NDArray[np.complex128]:
    """The envelope's spectrum at the beat's harmonics."""
    harmonics = np.arange(1, len(_WEIGHTS) + 1)[:, None]
    return np.asarray((envelope * np.exp(-2j * np.pi * harmonics * beat_hz * times)).sum(axis=1))


def _phase(lines: NDArray[np.complex128]) -> float:
    """Where in the beat −½…½ the onsets of all harmonics together are strongest."""
    places = np.linspace(-0.5, 0.5, 1000, endpoint=False)
    harmonics = np.arange(1, len(lines) + 1)[:, None]
    weighted = np.array(_WEIGHTS)[:, None] * lines[:, None]
    return float(
        places[np.argmax((weighted * np.exp(2j * np.pi * harmonics * places)).real.sum(axis=0))]
    )


def _wander(envelope: Floats, beat_hz: float, first_s: float) -> float:
    """The largest distance of a window's phase from the song's, in beats, by its strongest line."""
    frames = round(_WINDOW_S * ENVELOPE_HZ)
    away = []
    for start in range(0, max(1, len(envelope) - frames + 1), frames):
        part = envelope[start : start + frames]
        times = (start + np.arange(len(part))) / ENVELOPE_HZ - first_s
        lines = _lines(part, times, beat_hz)[:2]
        best = int(np.argmax(np.abs(lines)))
        away.append(abs(np.angle(lines[best])) / (2 * np.pi * (best + 1)))
    return float(max(away))
