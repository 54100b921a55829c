"""The stage dance: what it writes, and the same bytes after kills."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import dance
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from task_facts import ABOUT

from motionmusic.errors import UserError
from motionmusic.features.mel import SAMPLE_RATE, mel_from
from motionmusic.files import write_array, write_json, write_text
from motionmusic.models.conductor import conducted
from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
from motionmusic.training import adversarial, dancing
from motionmusic.training.checkpoint import Store

DATA = Path("data/synthetic")
PIECES = [f"P_{number}" for number in range(6)]
SPLITS = ("test", "validation", "train")
SECONDS, START_S = 6.0, 0.51


@pytest.fixture
def heard(space: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six dances of 6 s with two excerpts each, in two folds, and 7 s of clicks."""
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["dance"]["synthetic"] = {"steps": 2, "generator_steps": 1}
    monkeypatch.setattr(dancing, "CLIP_S", 2)
    monkeypatch.setattr(dancing, "BATCH", 2)
    monkeypatch.setattr(adversarial, "CLIP_S", 3)
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    folder, random = space / DATA, np.random.default_rng(0)
    times = np.arange(int(7 * SAMPLE_RATE)) / SAMPLE_RATE
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
    write_json(folder / "segments/about.json", ABOUT | {"excerpt_frames": 75})
    pieces = pd.DataFrame({"piece": PIECES, "label": [n % 2 for n in range(6)]})
    pieces = pieces.assign(music_file=pieces["piece"] + ".wav", music_start_s=START_S)
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    beats = [{"piece": piece, "kind": kind, "time_s": at} for n, piece in enumerate(PIECES)
             for kind in ("music", "motion_bailando")
             for at in np.arange(0, 6, 0.4 + 0.05 * n)]  # fmt: skip
    pd.DataFrame(beats).to_parquet(folder / "beats.parquet")
    return space


def digests(space: Path) -> dict[str, str]:
    return {
        str(path.relative_to(space)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((space / DATA / "dance").rglob("*"))
        if path.is_file()
    }


def what_it_writes() -> None:
    made = DATA / "dance/0"
    about = json.loads((made / "dance.json").read_text())
    assert about["folds"]["0"] == {
        "test": ["P_0", "P_1"], "validation": ["P_2", "P_3"], "train": ["P_4", "P_5"],
    }  # fmt: skip
    for fold in (0, 1):
        for name in ("synchrony", "judge"):
            load_sync_network(read(made / f"fold{fold}_{name}.safetensors"))
    # motion is the generator's, for the music from the dance's first frame on
    generator = load_generator(read(made / "fold0_generator.safetensors"))
    samples, _ = soundfile.read(DATA / "raw/P_1.wav", dtype="float32")
    mel, start = mel_from(samples, START_S)
    mel = mel[3 * start : 3 * start + 3 * int(SECONDS * 30)]
    motion = np.load(made / "motion/P_1.npy")
    assert motion.shape == (180, 13, 2)
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
        assert 0 <= int(str(row.neighbour_start)) <= 180 - 90
    record = json.loads(Path("metrics/synthetic/music_runs/dance-0.json").read_text())
    assert set(record) == {"git", "machine", "seconds"}
    assert not (DATA / "checkpoints/dance-0").exists()


def test_what_it_writes_is_the_same_after_kills(
    heard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dance.main(["synthetic", "0"])
    what_it_writes()
    once, save = digests(heard), Store.save

    for victim in ("judge0", "generator1"):

        def killed(self: Store, *given: Any, victim: str = victim, **named: Any) -> None:
            save(self, *given, **named)
            if self.name == victim:
                raise KeyboardInterrupt

        monkeypatch.setattr(Store, "due", lambda self, *, last: True)
        monkeypatch.setattr(Store, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            dance.main(["synthetic", "0"])
        assert digests(heard) == once  # earlier results stay until all is done
    monkeypatch.setattr(Store, "save", save)
    dance.main(["synthetic", "0"])
    assert digests(heard) == once


@pytest.mark.parametrize("what", ["two sides", "too short"])
def test_what_cannot_be_learned_from_is_one_error(
    heard: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "two sides":
        path = DATA / "segments/index.parquet"
        index = pd.read_parquet(path)
        index["split"] = np.where(index["excerpt"] == 0, "train", "test")
        index.to_parquet(path)
        expected = "a split by piece"
    else:
        monkeypatch.setattr(dancing, "CLIP_S", 30)
        expected = "P_4, P_5 shorter"
    with pytest.raises(UserError, match=expected):
        dance.main(["synthetic", "0"])
    assert not list((DATA / "dance").iterdir())
