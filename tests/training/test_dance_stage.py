"""The stage that trains M2S-Net and M2S-GAN on dances: what it writes, the same after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import conduct
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from motionmusic.errors import UserError
from motionmusic.features.mel import SAMPLE_RATE, mel_from, mel_spectrogram
from motionmusic.files import write_array, write_text
from motionmusic.models.conductor import conducted
from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
from motionmusic.training.checkpoint import Store

DATA = Path("data/synthetic")
PIECES = [f"P_{number}" for number in range(6)]
SPLITS = ("test", "validation", "train")
SECONDS, START_S = 8.0, 0.51


@pytest.fixture
def heard(space: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six dances of 8 s with two excerpts each, in two folds, and 9 s of clicks."""
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["segment"]["synthetic"]["excerpt_frames"] = 75
    params["conduct"]["synthetic"] = {
        "clip_s": 2, "batch": 2, "steps": 4, "learning_rate": 0.001, "precision": "fp32",
        "generator_s": 3, "generator_batch": 2, "generator_steps": 2,
    }  # fmt: skip
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    folder, random = space / DATA, np.random.default_rng(0)
    times = np.arange(int(9 * SAMPLE_RATE)) / SAMPLE_RATE
    for number, piece in enumerate(PIECES):
        pulse = 0.4 + 0.05 * number
        sound = np.sin(2 * np.pi * 300 * times) * (times % pulse < 0.05)
        sound = (sound + 0.01 * random.standard_normal(len(times))).astype(np.float32)
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "raw" / f"{piece}.wav", sound, SAMPLE_RATE)
        motion = 0.5 + 0.01 * random.standard_normal((int(SECONDS * 30), 13, 2)).cumsum(0)
        write_array(folder / "keypoints" / f"{piece}.npy", motion.astype(np.float32))
    index = [
        {"split": SPLITS[(number // 2 + fold) % 3], "fold": fold, "piece": piece,
         "excerpt": excerpt, "segment": segment, "label": number % 2}
        for fold in range(2) for number, piece in enumerate(PIECES) for excerpt in range(2)
        for segment in range(3)
    ]  # fmt: skip
    (folder / "segments").mkdir(exist_ok=True)
    pd.DataFrame(index).to_parquet(folder / "segments/index.parquet")
    pieces = pd.DataFrame({"piece": PIECES, "label": [n % 2 for n in range(6)]})
    pieces = pieces.assign(music_file=pieces["piece"] + ".wav", music_start_s=START_S)
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    beats = [{"piece": piece, "kind": kind, "time_s": at} for n, piece in enumerate(PIECES)
             for kind in ("music", "motion_bailando")
             for at in np.arange(0, 8, 0.4 + 0.05 * n)]  # fmt: skip
    pd.DataFrame(beats).to_parquet(folder / "beats.parquet")
    return space


def digests(space: Path) -> dict[str, str]:
    return {
        str(path.relative_to(space)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("conductors", "conducted")
        for path in sorted((space / DATA / name).rglob("*"))
        if path.is_file()
    }


def test_what_it_writes(heard: Path) -> None:
    conduct.main(["synthetic", "0"])
    networks, made = DATA / "conductors/0", DATA / "conducted/0"
    about = json.loads((networks / "conductor.json").read_text())
    assert about["folds"]["0"] == {
        "test": ["P_0", "P_1"], "validation": ["P_2", "P_3"], "train": ["P_4", "P_5"],
    }  # fmt: skip
    for fold in (0, 1):
        for name in ("synchrony", "judge"):
            load_sync_network(read(networks / f"fold{fold}_{name}.safetensors"))
    # motion is the generator's, for the music from the dance's first frame on
    generator = load_generator(read(networks / "fold0_generator.safetensors"))
    samples, _ = soundfile.read(DATA / "raw/P_1.wav", dtype="float32")
    mel, start = mel_from(samples, START_S)
    mel = mel[3 * start : 3 * start + 3 * int(SECONDS * 30)]
    motion = np.load(made / "motion/P_1.npy")
    assert motion.shape == (240, 13, 2)
    np.testing.assert_array_equal(motion, conducted(generator, mel, 0, smooth=False))
    # only pieces that some fold tests
    assert {path.stem for path in (made / "motion").iterdir()} == {"P_0", "P_1", "P_4", "P_5"}

    votes = pd.read_csv(made / "votes.csv")
    assert len(votes) == 8
    shares = votes.drop(columns=["fold", "piece", "excerpt"]).to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    neighbours = pd.read_csv(made / "neighbours.csv")
    folds = {str(fold): sides["train"] for fold, sides in about["folds"].items()}
    for row in neighbours.itertuples():
        assert row.neighbour in folds[str(row.fold)]
        assert 0 <= int(str(row.neighbour_start)) <= 240 - 90
    offsets = pd.read_csv(made / "offsets.csv")
    # music before the dance is 0.51 s, so that no offset can be planted beyond it
    assert offsets["planted_s"].between(-1.5, START_S).all()
    # beats that fall together are found, in the music's beat at least; without beats nothing is
    off = (offsets["bailando_s"] - offsets["planted_s"]) / [0.4, 0.45, 0.6, 0.65]
    np.testing.assert_allclose(off, off.round(), atol=0.05)
    assert offsets["mint_s"].isna().all()
    record = json.loads(Path("metrics/synthetic/runs/conduct-0.json").read_text())
    assert record["params"]["steps"] == 4
    assert not (DATA / "checkpoints/conduct-0").exists()


def test_killed_and_gone_on_gives_the_same_bytes(
    heard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conduct.main(["synthetic", "0"])
    once = digests(heard)
    save = Store.save
    saved: list[str] = []

    def killed(self: Store, state: Any, facts: Mapping[str, Any], *, last: bool) -> None:
        save(self, state, facts, last=last)
        saved.append(self.name)
        if saved.count(self.name) == 1 or self.name.startswith("generator"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "due", lambda self, *, last: True)
    monkeypatch.setattr(Store, "save", killed)
    kills = 0
    while kills < 40:
        try:
            conduct.main(["synthetic", "0"])
        except KeyboardInterrupt:
            kills += 1
            assert digests(heard) == once  # earlier results stay until all is done
            continue
        break
    assert 6 <= kills < 40
    assert digests(heard) == once


def test_pieces_on_two_sides_are_dealt_anew(heard: Path) -> None:
    index = pd.read_parquet(DATA / "segments/index.parquet")
    own = conduct.splits(index, {0: "a", 1: "b"})
    assert (own.groupby(["fold", "piece"])["split"].nunique() == 1).all()
    assert own[own["fold"] == 0].set_index(["piece", "excerpt"])["split"].to_dict() == {
        (piece, excerpt): SPLITS[number // 2]
        for number, piece in enumerate(PIECES)
        for excerpt in range(2)
    }
    index["split"] = np.where(index["excerpt"] == 0, "train", "test")
    dealt = conduct.splits(index, {0: "a", 1: "b"})
    assert (dealt.groupby(["fold", "piece"])["split"].nunique() == 1).all()
    tested = dealt[dealt["split"] == "test"]
    assert len(tested) == 12
    assert not tested.duplicated(["piece", "excerpt"]).any()


def test_dances_that_are_too_short_are_named(heard: Path) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    params["conduct"]["synthetic"]["clip_s"] = 30
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(UserError, match=r"P_4, P_5 shorter"):
        conduct.main(["synthetic", "0"])
    assert not (DATA / "conductors").exists()


def test_the_start_falls_onto_a_frame() -> None:
    """Sound that begins at 0.51 s is in motion frame 15, whose mel frame is 45."""
    samples = 1e-4 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    samples[round(0.51 * SAMPLE_RATE) :] *= 1000
    mel, start = mel_from(samples, 0.51)
    assert start == 15
    level = mel.mean(1)
    middle = (level[:30].mean() + level[60:].mean()) / 2
    assert abs(int(np.flatnonzero(level > middle)[0]) - 45) <= 4  # half a window
    whole, start = mel_from(samples, 0.0)
    assert start == 0
    np.testing.assert_array_equal(whole, mel_spectrogram(samples))
    assert torch.from_numpy(whole).isfinite().all()
