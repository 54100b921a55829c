"""Beats and tempo of one piece of a corpus, of its music and of its motion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from motionmusic.features import song_tempo
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import SAMPLE_RATE, motion_beats, motion_tempo, music_beats
from motionmusic.files import read_array


def piece_beats(
    raw: Path, joints: Path, row: Mapping[Any, Any]
) -> tuple[pd.DataFrame, dict[str, object]]:
    """One piece's rows of beats.parquet and its row of tempo.csv.

    Of a row of pieces.csv, the corpus's raw folder and that of its joints: (piece, kind, time_s from
    the first frame) and (piece, music_file, music_bpm, motion_bpm). Raises UserError where sound or
    joints are missing or broken.
    """
    rate_hz, duration_s = row["motion_rate_hz"], (row["frames"] - 1) / row["motion_rate_hz"]
    file, start_s = raw / row["music_file"], row["music_start_s"]
    moves = read_array(joints / f"{row['piece']}.npy")
    if "music_bpm" in row:  # known, from the music's start; there may be no sound
        music_bpm = row["music_bpm"]
        music_s = np.arange(np.ceil((duration_s + start_s) * music_bpm / 60)) * 60 / music_bpm
        music_s = music_s[music_s >= start_s] - start_s
    else:
        audio = read_audio(file, SAMPLE_RATE, start_s=start_s, duration_s=duration_s)
        music_s, music_bpm = music_beats(audio, SAMPLE_RATE)
        if np.isfinite(music_bpm):  # trackers know tempi in coarse steps
            steady = read_audio(
                file, song_tempo.SAMPLE_RATE, start_s=start_s, duration_s=duration_s
            )
            music_bpm = song_tempo.song_tempo(steady, music_bpm).bpm
    times = {
        "motion_bailando": motion_beats(moves, rate_hz, "bailando"),
        "motion_mint": motion_beats(moves, rate_hz, "mint"),
        "music": music_s,
    }
    kinds = np.repeat(list(times), [len(values) for values in times.values()])
    beats = {"piece": row["piece"], "kind": kinds, "time_s": np.concatenate(list(times.values()))}
    tempo = {
        "piece": row["piece"],
        "music_file": row["music_file"],
        "music_bpm": float(f"{music_bpm:.6g}"),
        "motion_bpm": float(f"{motion_tempo(moves, rate_hz):.6g}"),
    }
    return pd.DataFrame(beats), tempo
