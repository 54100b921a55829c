"""Which beat of a song's bar is "one"? By harmony and bass, by timbre, and by where dances start.

``python benchmarks/downbeats.py`` asks of every song of on_beat (data/on_beat, metrics/on_beat), 90 s
from where its dance starts, where chords change and the bass sounds, and, knowing nothing of that,
where the timbre changes; how often both mean the same beat is in metrics/on_beat/downbeats.json, by
dance type, beside chance.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pandas as pd
from tqdm import tqdm

from motionmusic import workspace
from motionmusic.features.audio import read_audio
from motionmusic.features.song_tempo import SAMPLE_RATE, Floats
from motionmusic.files import write_json
from motionmusic.numba_cache import librosa

HOP, WINDOW = 256, 4096
BASS_HZ = 160.0
BAR = {"C": 4, "R": 4, "T": 4, "W": 3}
"""Beats of a bar."""
LONGEST_S = 90.0


def changes(values: Floats, beats: Floats) -> Floats:
    """1 − cosine of what sounds (d, frames) in each beat and in the one before: (beats − 1,)."""
    frames = np.round(beats * SAMPLE_RATE / HOP).astype(int)
    each = np.stack([values[:, a:b].mean(axis=1) for a, b in pairwise(frames)])
    each /= np.linalg.norm(each, axis=1, keepdims=True) + 1e-9
    return np.asarray(np.r_[0.0, 1 - (each[1:] * each[:-1]).sum(axis=1)])


def attacks(power: Floats, beats: Floats) -> Floats:
    """How much louder (frames,) is in the tenth of a second after each beat than before it."""
    frames = np.round(beats[:-1] * SAMPLE_RATE / HOP).astype(int)
    tenth = round(0.1 * SAMPLE_RATE / HOP)
    loud = np.log(power + 1e-6 * power.max())
    return np.array(
        [loud[f : f + tenth].max() - loud[max(0, f - tenth) : f + 1].mean() for f in frames]
    )


def first_of_bar(signs: list[Floats], bar: int) -> int:
    """The place in the bar, 0 to bar − 1, at which the signs (beats,) are largest on average."""
    total = np.sum([(of - of.mean()) / (of.std() + 1e-9) for of in signs], axis=0)
    return int(np.argmax([np.mean(total[place::bar]) for place in range(bar)]))


def opinions(audio: Floats, beats: Floats, bar: int) -> tuple[int, int]:
    """By harmony and bass, and by timbre; beats in seconds."""
    sound = np.abs(librosa.stft(np.asarray(audio, np.float32), n_fft=WINDOW, hop_length=HOP)) ** 2
    chroma = librosa.feature.chroma_stft(S=sound, sr=SAMPLE_RATE, n_fft=WINDOW)
    low = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW) < BASS_HZ
    harmony = [changes(chroma, beats), attacks(sound[low].sum(axis=0), beats)]
    mel = librosa.feature.melspectrogram(S=sound, sr=SAMPLE_RATE, n_mels=40, fmin=400)
    cepstrum = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13)[1:]
    return first_of_bar(harmony, bar), first_of_bar([changes(cepstrum, beats)], bar)


def main() -> None:
    """Ask every song, write the file."""
    corpus = workspace.data("on_beat")
    pieces = pd.read_csv(corpus / "pieces.csv")
    bpm = pd.read_csv(workspace.metrics("on_beat", "song_tempi.csv")).set_index("piece")["song_bpm"]
    rows = []
    for row in tqdm(pieces.to_dict("records"), file=sys.stderr):
        code, beat_s = row["piece"][0], 60 / bpm[row["piece"]]
        audio = read_audio(
            corpus / "raw" / row["music_file"], SAMPLE_RATE,
            start_s=row["music_start_s"], duration_s=LONGEST_S,
        )  # fmt: skip
        beats = np.arange(0, len(audio) / SAMPLE_RATE, beat_s)  # from the dance's first beat on
        harmony, timbre = opinions(audio.astype(np.float64), beats, BAR[code])
        rows.append((code, row["piece"], harmony, timbre))
    found = pd.DataFrame(rows, columns=["type", "piece", "harmony", "timbre"])
    agree = found.assign(
        songs=1, both=found["harmony"] == found["timbre"],
        starts_on_harmony=found["harmony"] == 0, starts_on_timbre=found["timbre"] == 0,
        by_chance=1 / found["type"].map(BAR),
    ).drop(columns=["piece", "harmony", "timbre"]).groupby("type").sum()  # fmt: skip
    songs = found.set_index("piece")[["harmony", "timbre"]]
    write_json(
        workspace.metrics("on_beat", "downbeats.json"),
        {
            "agree": agree.astype({"by_chance": float}).to_dict("index"),
            "songs": songs.to_dict("index"),
        },
    )


if __name__ == "__main__":
    main()
