"""The stages match and synchrony on a small task: what they write, and what they refuse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import match
import numpy as np
import pandas as pd
import pytest
import soundfile
import synchrony
import torch
import yaml
from task_facts import ABOUT

from motionmusic.errors import UserError
from motionmusic.features.skeletons import MUSICTODANCE, paper_graph
from motionmusic.files import write_array, write_json, write_text
from motionmusic.methods import METHODS
from motionmusic.models import deconfounded, weights
from motionmusic.models.heads import mapping
from motionmusic.models.matcher import load, trained
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.params import Deconfounded
from motionmusic.training import cell, matching

PIECES, EXCERPTS, SEGMENTS, WIDTH, FRAMES = 12, 2, 4, 4, 220
DATA = Path("data/synthetic")
NAMES = [f"P_{piece:02}" for piece in range(PIECES)]


def changed(**groups: dict[str, object]) -> None:
    """Other values for keys of params.yaml, before a stage has read it (it is read once)."""
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    for name, values in groups.items():
        (params[name]["synthetic"] if name == "synchrony" else params[name]).update(values)
    Path("params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture
def matched(space: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pieces of two excerpts, two folds split by piece, and random cotrained networks."""
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    changed(
        match={"size": 4, "epochs": 2, "batch": 16},
        deconfounded={"hardest": 3},
        synchrony={"epochs": 1},
    )
    rng, n = np.random.default_rng(0), PIECES * EXCERPTS * SEGMENTS
    write_array(DATA / "segments/joints.npy", rng.random((n, 3, 25, 23)).astype(np.float32))
    write_array(DATA / "segments/music.npy", rng.random((n, 1, 96, 25)).astype(np.float32))
    index = [
        {"split": ("test", "validation", "train")[(piece // 4 + fold) % 3], "fold": fold,
         "piece": NAMES[piece], "excerpt": excerpt, "segment": segment, "label": piece % 4}
        for fold in range(2) for piece in range(PIECES) for excerpt in range(EXCERPTS)
        for segment in range(SEGMENTS)
    ]  # fmt: skip
    pd.DataFrame(index).to_parquet(DATA / "segments/index.parquet")
    write_json(DATA / "segments/about.json", ABOUT | {"excerpt_frames": 25 * SEGMENTS})
    pieces = pd.DataFrame({"piece": NAMES, "label": [number % 4 for number in range(PIECES)]})
    pieces = pieces.assign(music_file="sound.wav", music_start_s=2.5)
    write_text(DATA / "pieces.csv", pieces.to_csv(index=False))
    beats = [{"piece": name, "kind": "music", "time_s": at} for name in NAMES
             for at in np.arange(0.1, 8.8, 0.5)]  # fmt: skip
    pd.DataFrame(beats).to_parquet(DATA / "beats.parquet")
    graph = torch.from_numpy(paper_graph(MUSICTODANCE))
    for kind in ("joints", "bones"):
        for fold in range(2):
            state = weights.prefixed(
                motion=MotionEncoder(3, graph, 4, WIDTH).state_dict(),
                music=MusicAutoencoder(2 * WIDTH).state_dict(),
                mapping=mapping(4 * WIDTH).state_dict(),
            )
            weights.save(DATA / f"cells/cotrain-{kind}-fc-0/fold{fold}.safetensors", state)
    return space


def heard() -> None:
    """Whole dances and their sound, as the stage synchrony reads them."""
    rng = np.random.default_rng(1)
    for name in NAMES:
        write_array(DATA / f"joints/{name}.npy", rng.random((FRAMES, 23, 3)).astype(np.float32))
        write_array(DATA / f"music/{name}.npy", rng.random((FRAMES, 96)).astype(np.float32))
    clicks = np.zeros(12_800 * 14)
    clicks[:-800:6400] = 0.5
    (DATA / "raw").mkdir()
    soundfile.write(DATA / "raw/sound.wav", clicks + 0.001 * rng.normal(size=len(clicks)), 12_800)


def outputs() -> dict[str, str]:
    return {
        str(path.relative_to(DATA)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("synchrony", "matchers", "matches")
        for path in sorted((DATA / name).rglob("*"))
        if path.is_file()
    }


def test_every_method_matches_and_the_commit_decides_no_byte(
    matched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard()
    made = []
    for commit, methods in (("one", METHODS), ("two", ("category", "deconfounded"))):
        monkeypatch.setattr(cell, "git_revision", lambda commit=commit: commit)
        synchrony.main(["synthetic", "0"])
        for method in methods:
            match.main(["synthetic", method, "0"])
        made.append(outputs())
        if commit == "one":
            offsets = pd.read_csv(DATA / "synchrony/0/offsets.csv")
            # takes most of the time, and the network decides it
            monkeypatch.setattr(synchrony, "planted", lambda *_: pd.DataFrame({"piece": []}))
    made[1]["synchrony/0/offsets.csv"] = made[0]["synchrony/0/offsets.csv"]
    assert made[0] == made[1]
    assert {about.method for _, about in trained(Path())} == set(METHODS)
    assert not (DATA / "checkpoints/synchrony-0").exists()
    record = json.loads(Path("metrics/synthetic/music_runs/synchrony-0.json").read_text("utf-8"))
    assert record["git"] == "two"
    for method in METHODS:
        frame = pd.read_parquet(DATA / "matches" / f"{method}-0.parquet")
        # in each of two folds eight queries against all 24 excerpts
        assert len(frame) == 2 * 8 * PIECES * EXCERPTS
        assert np.isfinite(frame["score"]).all()
    about = load(DATA / "synchrony/0", 1).about
    assert about.knows == {fold: knows(fold) for fold in (0, 1)}
    votes = pd.read_csv(DATA / "synchrony/0/votes.csv")
    shares = votes[["easy", "hard", "super_hard"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    assert len(votes) == 16
    assert sorted(offsets["piece"]) == sorted(of_test(0) + of_test(1))
    assert offsets["planted_s"].between(-1.5, 1.5).all()
    scores_are_those_of_the_saved_matchers_of_the_same_fold()


def of_test(fold: int) -> list[str]:
    return [name for piece, name in enumerate(NAMES) if (piece // 4 + fold) % 3 == 0]


def knows(fold: int) -> list[str]:
    return [name for name in NAMES if name not in of_test(fold)]


def scores_are_those_of_the_saved_matchers_of_the_same_fold() -> None:
    """From the files alone, as the program scores a dance it has never seen."""
    joints, music = (np.load(DATA / f"segments/{kind}.npy") for kind in ("joints", "music"))
    index = pd.read_parquet(DATA / "segments/index.parquet")
    ids = index[index["fold"] == 1].reset_index(drop=True)
    rows = ids.groupby(["piece", "excerpt"]).groups
    cotrained = weights.load(DATA / "cells/cotrain-joints-fc-0/fold1.safetensors")
    for method in METHODS:
        of = load(DATA / "matchers" / f"{method}-0", 1)
        if method not in ("category", "synchrony"):
            own = of.network.motion_encoder.state_dict()
            assert all(torch.equal(own[key], cotrained[f"motion.{key}"]) for key in own)
        frame = pd.read_parquet(DATA / "matches" / f"{method}-0.parquet")
        for row in frame[frame["fold"] == 1].iloc[::37].itertuples():
            dance = joints[rows[row.piece, row.excerpt]]
            sound = rows[row.candidate, row.candidate_excerpt]
            if method == "category":
                votes = of.logits(dance).argmax(1).tolist()
                most = max(votes, key=votes.count)
                assert row.score == (most == ids["label"][sound[0]])
                continue
            score = of.scores([of.motion_code(dance)], [of.music_code(music[sound])])
            assert row.score == pytest.approx(float(score[0, 0]), rel=1e-4, abs=1e-4)


def test_what_is_not_trained_on_decides_no_weight(matched: Path) -> None:
    """Test rows become noise: the heads of the fold stay the same, byte by byte."""
    made = []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        index = pd.read_parquet(DATA / "segments/index.parquet")
        ids = index[index["fold"] == 0].reset_index(drop=True)
        for kind in ("joints", "music"):
            array = np.load(DATA / f"segments/{kind}.npy")
            rows = np.flatnonzero(ids["split"] == "test")
            array[rows] = rng.random(array[rows].shape)
            write_array(DATA / f"segments/{kind}.npy", array)
        for method in ("contrastive", "infonce", "deconfounded"):
            match.main(["synthetic", method, "0"])
        made.append(outputs())
    for method in ("contrastive", "infonce", "deconfounded"):
        same = f"matchers/{method}-0/fold0.safetensors"
        assert made[0][same] == made[1][same]
        assert made[0][f"matches/{method}-0.parquet"] != made[1][f"matches/{method}-0.parquet"]


def test_info_nce_starts_at_the_temperature_of_params(matched: Path) -> None:
    """With hardly any learning the scale stays where it starts."""
    changed(match={"temperature": 0.05, "learning_rate": 1e-9, "epochs": 1})
    match.main(["synthetic", "infonce", "0"])
    state = weights.load(DATA / "matchers/infonce-0/fold0.safetensors")
    assert float(state["head.log_scale"].exp()) == pytest.approx(20, rel=1e-3)


def test_a_track_that_is_danced_more_often_weighs_less(
    matched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four training pieces, two of them with one sound: weights 1/2 and 1, brought to a mean of 1."""
    index = pd.read_parquet(DATA / "segments/index.parquet")
    ids = index[index["fold"] == 0].reset_index(drop=True)
    train = sorted(ids[ids["split"] == "train"]["piece"].unique())
    numbers = {piece: max(1, number) for number, piece in enumerate(train)}
    # elsewhere the last of them may be danced as often as it likes
    tracks = torch.tensor([numbers.get(piece, 3) for piece in ids["piece"]])
    seen: list[torch.Tensor] = []

    def loss(*given: torch.Tensor, **_: object) -> dict[str, torch.Tensor]:
        seen.append(given[5])
        return {}

    monkeypatch.setattr(deconfounded, "loss", loss)
    head, z = deconfounded.Deconfounded(4, 4, 4, backdoor=True), torch.randn(len(ids), 4)
    how = Deconfounded(
        backdoor=True, propensity=True, teacher=0.0, divergence=0.1, margin=0.1, hardest=3
    )
    pairs = matching.Pairs(ids, z, z, tracks)
    matching.deconfounded_losses(head, pairs, 10, how, None)(torch.arange(len(ids)))
    rows = ids["split"] == "train"
    weight = pd.Series(seen[0].numpy())[rows]
    by_piece = weight.groupby(ids["piece"][rows]).mean()
    assert weight.mean() == pytest.approx(1)
    twice, once = by_piece[train[0]], by_piece[train[2]]
    assert by_piece[train[1]] == twice
    assert once == by_piece[train[3]] == pytest.approx(2 * twice)
    # every genre is as frequent among the training segments as it is there
    shares = ids[rows]["label"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(head.prior.numpy(), shares.to_numpy())


def test_splits_that_synchrony_cannot_learn_from_are_one_error(matched: Path) -> None:
    index = pd.read_parquet(DATA / "segments/index.parquet")
    by_figure = index["segment"].replace({0: "train", 1: "validation", 2: "test", 3: "dropped"})
    lonely = (index["split"] == "validation") & (index["piece"] != NAMES[4])
    alone = index["split"].mask(lonely, "train")
    heard()
    for split in (by_figure, alone):
        index.assign(split=split).to_parquet(DATA / "segments/index.parquet")
        with pytest.raises(UserError, match="two pieces in train") as error:
            synchrony.main(["synthetic", "0"])
        assert error.value.where == "segment.synthetic.protocol"
    assert not (DATA / "synchrony/0").exists()


def test_missing_files_are_one_error(matched: Path) -> None:
    (DATA / "cells/cotrain-joints-fc-0/fold1.safetensors").unlink()
    for method in ("mapping", "category"):
        with pytest.raises(UserError, match="fold1"):
            match.main(["synthetic", method, "0"])
    assert not (DATA / "matchers").exists()
    heard()
    (DATA / f"music/{NAMES[3]}.npy").unlink()
    with pytest.raises(UserError, match=NAMES[3]):
        synchrony.main(["synthetic", "0"])
